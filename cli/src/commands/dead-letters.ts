import { type DeadLetter, DeadLetterList, RedriveReport } from '@rubot/contracts/dead-letters';
import { RunId } from '@rubot/contracts/ids';
import { RubotError } from '@rubot/errors';
import { type Command, InvalidArgumentError } from 'commander';
import { findAdminClient } from '../admin/admin-client.ts';
import { addGatewayOptions, type GatewayOptions } from '../admin/choose-gateway.ts';
import type { CliContext } from '../context.ts';
import { printJson, printLine } from '../print-line.ts';
import { createReport } from '../smoke/report.ts';

interface ListOptions extends GatewayOptions {
  readonly json?: boolean;
  readonly limit: number;
}

const PAGE_SIZE = 200;
const MAX_LISTED = 10_000;
const DEFAULT_LISTED = 50;
/** What the gateway takes with one request. */
const MAX_REDRIVEN_AT_ONCE = 100;

export function addDeadLettersCommand(program: Command, context: CliContext): void {
  const command = program.command('dead-letters').description('runs that were given up: see them, and have them tried again');
  addGatewayOptions(command.command('list', { isDefault: true }))
    .description('show them, the newest first')
    .option('--limit <count>', 'how many at most', parseCount, DEFAULT_LISTED)
    .option('--json', 'print JSON for programs')
    .action((options: ListOptions) => list(context, options));
  addGatewayOptions(command.command('redrive'))
    .description('put runs back into the queue, where they go on from what they have done')
    .argument('<run-id...>', 'ids of dead letters', parseRunId)
    .action((runIds: string[], options: GatewayOptions) => redrive(context, runIds, options));
}

async function list(context: CliContext, { limit, json, ...options }: ListOptions): Promise<void> {
  const operator = findAdminClient(context, options);
  const letters: DeadLetter[] = [];
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({
      limit: String(Math.min(PAGE_SIZE, limit - letters.length)),
      ...(cursor === undefined ? {} : { cursor }),
    });
    const page = await operator.ask(DeadLetterList, { path: `/admin/dead-letters?${query}` });
    letters.push(...page.data);
    cursor = page.next_cursor;
  } while (cursor !== undefined && letters.length < limit);
  if (json === true) return printJson(context.stdout, letters);
  for (const letter of letters) printLine(context.stdout, ...toColumns(letter));
  if (letters.length === 0) printLine(context.stdout, 'There are no dead letters.');
  if (cursor !== undefined) printLine(context.stdout, 'There are more: raise --limit.');
}

function toColumns({ run_id: runId, died_at: diedAt, tenant_id: tenantId, model, attempt, error }: DeadLetter): readonly string[] {
  const when = new Date(diedAt * 1_000).toISOString();
  return [runId, when, tenantId, model, `${attempt} attempts`, `${error?.code ?? 'unknown'}: ${error?.message ?? ''}`];
}

async function redrive(context: CliContext, runIds: readonly string[], options: GatewayOptions): Promise<void> {
  const operator = findAdminClient(context, options);
  const report = createReport(context);
  let refused = 0;
  for (let start = 0; start < runIds.length; start += MAX_REDRIVEN_AT_ONCE) {
    const body = { run_ids: runIds.slice(start, start + MAX_REDRIVEN_AT_ONCE) };
    const { data } = await operator.ask(RedriveReport, { method: 'POST', path: '/admin/dead-letters/redrive', body });
    for (const { run_id: runId, redriven, error } of data) {
      if (redriven) report.pass(`${runId} waits in the queue again`);
      else report.skip(error?.message ?? `${runId} was not put back`);
      refused += redriven ? 0 : 1;
    }
  }
  if (refused > 0) throw new RubotError('conflict', `Not put back: ${refused} of ${runIds.length}, for the reasons above.`);
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
