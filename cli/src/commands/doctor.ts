import { RubotError } from '@rubot/errors';
import type { Command } from 'commander';
import { addGatewayOptions, type ChosenGateway, chooseGateway, type GatewayOptions } from '../admin/choose-gateway.ts';
import { type CliContext, wantsColor, widthOf } from '../context.ts';
import { diagnoseGateway } from '../doctor/diagnose-gateway.ts';
import { renderFindings, summarize } from '../doctor/render-findings.ts';
import { printJson } from '../print-line.ts';

interface DoctorOptions extends GatewayOptions {
  readonly json?: boolean;
}

/** More than a gateway takes for all that lies behind it. */
const TIMEOUT_MS = 20_000;
/** Names by which a deployment calls itself. */
const ENVIRONMENTS: ReadonlySet<string> = new Set(['development', 'staging', 'production']);

export function addDoctorCommand(program: Command, context: CliContext): void {
  addGatewayOptions(program.command('doctor'))
    .description('find out whether the services of a deployment go together: reachable, same secrets, clocks, versions, migrations')
    .option('--json', 'print JSON for programs')
    .action((options: DoctorOptions) => examine(context, options));
}

async function examine(context: CliContext, { json, ...options }: DoctorOptions): Promise<void> {
  const chosen = chooseGateway(context, options);
  const environment = options.env !== undefined && ENVIRONMENTS.has(options.env) ? options.env : undefined;
  const target = { gatewayUrl: chosen.url, adminKey: requireOperatorKey(chosen), environment, timeoutMs: TIMEOUT_MS };
  const findings = await diagnoseGateway(context.fetch, target);
  const problems = findings.filter(({ status }) => status === 'problem').length;
  if (json === true) {
    printJson(context.stdout, { gateway_url: chosen.url, ok: problems === 0, findings });
  } else {
    const table = renderFindings(findings, { color: wantsColor(context), width: widthOf(context.stdout) });
    context.stdout.write(`${describe(chosen)}\n\n${table}\n\n${summarize(findings)}\n`);
  }
  if (problems > 0) throw new RubotError('conflict', `Do not ship this: ${problems} problem(s) were found.`);
}

function requireOperatorKey({ url, config, stack }: ChosenGateway): string {
  const key = stack?.keys['ADMIN_API_KEY'] ?? config.adminApiKey;
  if (key !== undefined) return key;
  throw new RubotError(
    'misconfigured',
    `ADMIN_API_KEY is not set. Set it to the operator’s key of ${url}; only the operator may look behind a gateway.`,
  );
}

function describe({ url, stack, file }: ChosenGateway): string {
  if (stack !== undefined) return `${url}, the local stack`;
  if (file === undefined) return `${url}, with ADMIN_API_KEY of the process environment`;
  const taken = file.overridden.length === 0 ? '' : `, but for ${file.overridden.join(' and ')} of the process environment`;
  return `${url}, as ${file.name} says${taken}`;
}
