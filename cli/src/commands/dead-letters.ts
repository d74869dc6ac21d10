import type { DeadLetter } from '@rubot/contracts/dead-letters';
import { RunId } from '@rubot/contracts/ids';
import { RubotError } from '@rubot/errors';
import { type Command, InvalidArgumentError } from 'commander';
import type { CliContext } from '../context.ts';
import { createOperator, type Operator } from '../dead-letters/operator.ts';
import { findDevFile, findStackOf } from '../dev-file.ts';
import { readCliConfig } from '../env.ts';
import { parseGatewayUrl } from '../parse-gateway-url.ts';
import { createReport } from '../smoke/report.ts';

interface TargetOptions {
  readonly gateway?: string;
}

interface ListOptions extends TargetOptions {
  readonly json?: boolean;
  readonly limit: number;
}

const TIMEOUT_MS = 30_000;
const PAGE_SIZE = 200;
const MAX_LISTED = 10_000;
const DEFAULT_LISTED = 50;
/** What the gateway takes with one request. */
const MAX_REDRIVEN_AT_ONCE = 100;

export function addDeadLettersCommand(program: Command, context: CliContext): void {
  const command = program.command('dead-letters').description('runs that were given up: see them, and have them tried again');
  command
    .command('list', { isDefault: true })
    .description('show them, the newest first')
    .option('--gateway <url>', 'the gateway to ask (default: the local stack’s)', parseGatewayUrl)
    .option('--limit <count>', 'how many at most', parseCount, DEFAULT_LISTED)
    .option('--json', 'print JSON for programs')
    .action((options: ListOptions) => list(context, options));
  command
    .command('redrive')
    .description('put runs back into the queue, where they go on from what they have done')
    .argument('<run-id...>', 'ids of dead letters', parseRunId)
    .option('--gateway <url>', 'the gateway to ask (default: the local stack’s)', parseGatewayUrl)
    .action((runIds: string[], options: TargetOptions) => redrive(context, runIds, options));
}

async function list(context: CliContext, { limit, json, ...options }: ListOptions): Promise<void> {
  const operator = findOperator(context, options);
  const letters: DeadLetter[] = [];
  let cursor: string | undefined;
  do {
    const page = await operator.listDeadLetters({
      limit: Math.min(PAGE_SIZE, limit - letters.length),
      ...(cursor === undefined ? {} : { cursor }),
    });
    letters.push(...page.data);
    cursor = page.next_cursor;
  } while (cursor !== undefined && letters.length < limit);
  if (json === true) return void context.stdout.write(`${JSON.stringify(letters, null, 2)}\n`);
  for (const letter of letters) context.stdout.write(`${toLine(letter)}\n`);
  if (letters.length === 0) context.stdout.write('There are no dead letters.\n');
  if (cursor !== undefined) context.stdout.write('There are more: raise --limit.\n');
}

function toLine({ run_id: runId, died_at: diedAt, tenant_id: tenantId, model, attempt, error }: DeadLetter): string {
  const when = new Date(diedAt * 1_000).toISOString();
  return [runId, when, tenantId, model, `${attempt} attempts`, `${error?.code ?? 'unknown'}: ${error?.message ?? ''}`].join('  ');
}

async function redrive(context: CliContext, runIds: readonly string[], options: TargetOptions): Promise<void> {
  const operator = findOperator(context, options);
  const report = createReport(context);
  let refused = 0;
  for (let start = 0; start < runIds.length; start += MAX_REDRIVEN_AT_ONCE) {
    const { data } = await operator.redrive(runIds.slice(start, start + MAX_REDRIVEN_AT_ONCE));
    for (const { run_id: runId, redriven, error } of data) {
      if (redriven) report.pass(`${runId} waits in the queue again`);
      else report.skip(error?.message ?? `${runId} was not put back`);
      refused += redriven ? 0 : 1;
    }
  }
  if (refused > 0) throw new RubotError('conflict', `Not put back: ${refused} of ${runIds.length}, for the reasons above.`);
}

function findOperator(context: CliContext, { gateway }: TargetOptions): Operator {
  const stack = gateway === undefined ? findDevFile(context.workingDirectory) : findStackOf(context.workingDirectory, gateway);
  const gatewayUrl = gateway ?? stack?.gateway_url;
  if (gatewayUrl === undefined) {
    throw new RubotError('misconfigured', 'There is no gateway to ask. Name one with --gateway, or start a local stack with npm start.');
  }
  const apiKey = stack?.keys['ADMIN_API_KEY'] ?? readCliConfig(context.environment).adminApiKey;
  if (apiKey === undefined)
    throw new RubotError('misconfigured', `ADMIN_API_KEY is not set. Set it to the operator’s key of ${gatewayUrl}.`);
  return createOperator(context.fetch, { gatewayUrl: new URL(gatewayUrl).origin, apiKey, timeoutMs: TIMEOUT_MS });
}

function parseRunId(text: string, former: readonly string[] = []): readonly string[] {
  if (RunId.safeParse(text).success) return [...former, text];
  throw new InvalidArgumentError('It is no run id (run_…).');
}

function parseCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= MAX_LISTED) return count;
  throw new InvalidArgumentError(`It must be a number from 1 to ${MAX_LISTED}.`);
}
