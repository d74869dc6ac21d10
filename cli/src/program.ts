import { EnvironmentError } from '@rubot/config/parse-env';
import { RubotError } from '@rubot/errors';
import { Command, CommanderError } from 'commander';
import { addAuditCommand } from './commands/audit.ts';
import { addConnectionsCommand } from './commands/connections.ts';
import { addCredentialsCommand } from './commands/credentials.ts';
import { addDeadLettersCommand } from './commands/dead-letters.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addLinkPinCommand } from './commands/link-pin.ts';
import { addSmokeCommand } from './commands/smoke.ts';
import { addTenantsCommand } from './commands/tenants.ts';
import { addTokenCommand } from './commands/token.ts';
import { addTraceCommand } from './commands/trace.ts';
import type { CliContext } from './context.ts';

const FAILED = 1;
const MISUSED = 2;

function createProgram(context: CliContext, exitWith: (status: number) => void): Command {
  const program = new Command('rubot')
    .description('Tools for a running rubot, on this machine or deployed')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
      getOutHelpWidth: () => context.stdout.columns ?? 80,
      getErrHelpWidth: () => context.stderr.columns ?? 80,
    });
  addTraceCommand(program, context);
  addSmokeCommand(program, context);
  addDoctorCommand(program, context);
  addTenantsCommand(program, context);
  addTokenCommand(program, context, exitWith);
  addLinkPinCommand(program, context);
  addConnectionsCommand(program, context);
  addCredentialsCommand(program, context);
  addAuditCommand(program, context);
  addDeadLettersCommand(program, context);
  return program;
}

/** Runs one command. @returns the exit status: 0 done, 1 failed, 2 called in a way that does not exist, or that of the program it ran */
export async function runCli(parameters: readonly string[], context: CliContext): Promise<number> {
  let status = 0;
  try {
    await createProgram(context, (chosen) => {
      status = chosen;
    }).parseAsync(parameters, { from: 'user' });
    return status;
  } catch (thrown) {
    // commander has told the user already, and calls its help an error.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : MISUSED;
    context.stderr.write(`rubot: ${explain(thrown)}\n`);
    return FAILED;
  }
}

function explain(thrown: unknown): string {
  if (RubotError.is(thrown) || thrown instanceof EnvironmentError) return thrown.message;
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
}
