import { ActionId, TenantId } from '@rubot/contracts/ids';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { addGatewayOptions } from '../admin/choose-gateway.ts';
import type { CliContext } from '../context.ts';
import { parseCount, parseUsd } from '../options/parse-amount.ts';
import { parseDuration } from '../options/parse-duration.ts';
import { parseWith } from '../options/parse-id.ts';
import { parseScopes } from '../options/parse-scopes.ts';
import { type ExecOptions, execWithToken } from '../tokens/exec-with-token.ts';
import { type IssueOptions, issueToken } from '../tokens/issue-token.ts';
import { type ListTokensOptions, listTokens } from '../tokens/list-tokens.ts';
import { type RevokeOptions, revokeToken } from '../tokens/revoke-token.ts';

const DEFAULT_ACTION = 'default';
const DEFAULT_BEARER_SECONDS = 300;
const MIN_BEARER_SECONDS = 60;
const MAX_BEARER_SECONDS = 900;
/** What `token exec` sets itself. */
const OWN_VARIABLES: ReadonlySet<string> = new Set([
  'RUBOT_GATEWAY_URL',
  'OPENAI_BASE_URL',
  'PATH',
  'HOME',
  'LANG',
  'TZ',
  'TMPDIR',
  'TERM',
]);

/** @param exitWith is told the status with which the command ends, where that is not its own */
export function addTokenCommand(program: Command, context: CliContext, exitWith: (status: number) => void): void {
  const command = program.command('token').description('API tokens: issue, list, revoke, and use them without ever seeing one');
  addIssue(command, context);
  addGatewayOptions(command.command('list'))
    .description('show the tokens of a tenant, or without --tenant those that this machine keeps')
    .option('--tenant <id>', 'whose tokens', parseWith(TenantId))
    .option('--json', 'print JSON for programs')
    .action((options: ListTokensOptions) => listTokens(context, options));
  addGatewayOptions(command.command('revoke'))
    .description('end a token and all of its handles')
    .argument('<token>', 'its id (tok_…), a handle of it (rbh_…), or itself (rbt_…)')
    .option('--tenant <id>', 'whose it is, where this machine does not keep it', parseWith(TenantId))
    .action((named: string, options: RevokeOptions) => revokeToken(context, named, options));
  addExec(command, context, exitWith);
}

function addIssue(command: Command, context: CliContext): void {
  addGatewayOptions(command.command('issue'))
    .description('issue a token and print a handle of it; the token itself is kept on this machine')
    .requiredOption('--tenant <id>', 'whose it is', parseWith(TenantId))
    .requiredOption('--name <name>', 'by which a person knows it again')
    .requiredOption('--scopes <list>', 'what it may do, such as chat:write,run:read', parseScopes)
    .requiredOption('--ttl <duration>', 'how long it lives: 90s, 15m, 1h or 30d', parseDuration)
    .option('--action-id <id>', 'what the handle is for; token exec has to name it', parseWith(ActionId), DEFAULT_ACTION)
    .option('--rpm <count>', 'requests a minute', parseCount)
    .option('--tpm <count>', 'tokens of the model a minute', parseCount)
    .option('--concurrent <count>', 'runs at a time', parseCount)
    .option('--usd-per-day <amount>', 'US dollars a day', parseUsd)
    .option('--usd-per-month <amount>', 'US dollars a month', parseUsd)
    .option('--reveal-token', 'print the token too: whoever sees it has it')
    .option('--json', 'print JSON for programs')
    .action((options: IssueOptions) => issueToken(context, options));
}

function addExec(command: Command, context: CliContext, exitWith: (status: number) => void): void {
  command
    .command('exec')
    .description('run a command that holds a bearer for minutes, and nothing else of this environment')
    .usage('--handle <handle> --action-id <id> --scopes <list> [options] -- <command> [arguments...]')
    .requiredOption('--handle <handle>', 'as token issue printed it')
    .requiredOption('--action-id <id>', 'what the handle is for', parseWith(ActionId))
    .requiredOption('--scopes <list>', 'what the command may do; no more than the handle may', parseScopes)
    .addOption(
      new Option('--ttl <duration>', 'how long its bearer lives, 1m to 15m')
        .argParser(parseBearerLife)
        .default(DEFAULT_BEARER_SECONDS, '5m'),
    )
    .option('--variable <name>', 'the variable that holds the bearer', parseVariable, 'RUBOT_API_KEY')
    .addOption(
      new Option('--pass <name>', 'a variable of this environment that the command shall see; may be repeated')
        .argParser(parsePassed)
        .default([], 'none'),
    )
    .argument('<command...>', 'the program and its arguments, behind --')
    .action(async (parts: string[], options: ExecOptions) => exitWith(await execWithToken(context, parts, options)));
}

function parseBearerLife(text: string): number {
  const seconds = parseDuration(text);
  if (seconds >= MIN_BEARER_SECONDS && seconds <= MAX_BEARER_SECONDS) return seconds;
  throw new InvalidArgumentError('It must be from 1m to 15m.');
}

function parseVariable(text: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(text) && !OWN_VARIABLES.has(text)) return text;
  throw new InvalidArgumentError('It must be the name of a variable that has no other meaning here.');
}

function parsePassed(text: string, former: readonly string[]): readonly string[] {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(text)) return [...former, text];
  throw new InvalidArgumentError('It must be the name of a variable.');
}
