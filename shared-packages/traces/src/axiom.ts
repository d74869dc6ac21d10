import type { LogLine } from '@rubot/contracts/log';
import { RubotError } from '@rubot/errors';
import { z } from 'zod';
import { buildTrace } from './build-trace.ts';
import { checkCompleteness } from './check-completeness.ts';
import { parseLogLines } from './parse-lines.ts';
import type { TraceSource } from './source.ts';

export interface AxiomSourceOptions {
  readonly fetch: typeof globalThis.fetch;
  readonly origin: string;
  readonly token: string;
  /** Must match `AXIOM_DATASET_NAME`, as it stands in queries. */
  readonly dataset: string;
  readonly now?: () => number;
}

export const AXIOM_DATASET_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;
const SAFE_ID = /^[A-Za-z0-9_-]{1,128}$/;

/** A query without bounds scans, and bills, everything that was ever kept. */
const LOOKBACK_MS = 30 * 86_400_000;
/** Lines that were just written may be ahead of this machine's clock. */
const CLOCK_MARGIN_MS = 3_600_000;
const TIMEOUT_MS = 30_000;
const MAX_RUN_LINES = 20;
const MAX_ERROR_CHARACTERS = 200;

/** One array a column. https://axiom.co/docs/restapi/endpoints/queryApl */
const TabularAnswer = z.looseObject({
  tables: z.array(
    z.looseObject({
      fields: z.array(z.looseObject({ name: z.string() })),
      columns: z.array(z.array(z.unknown())).nullish(),
    }),
  ),
});
type Table = z.infer<typeof TabularAnswer>['tables'][number];

/** Log lines out of an Axiom dataset into which the services' logs are drained. */
export function createAxiomSource(options: AxiomSourceOptions): TraceSource {
  return {
    name: `the Axiom dataset ${options.dataset}`,
    async findLines(traceId) {
      const rows = await queryByField(options, assertSafe(traceId));
      if (checkCompleteness(buildTrace(traceId, rows)).length === 0) return rows;
      // Logpush and some drains keep a line as text inside another field, where only a full-text search finds it.
      const wrapped = await query(options, `search "*${assertSafe(traceId)}*" | sort by _time asc`);
      return [...rows, ...wrapped];
    },
    findLinesOfRun(runId) {
      return query(options, `search "*${assertSafe(runId)}*" | sort by _time desc | limit ${MAX_RUN_LINES}`);
    },
  };
}

async function queryByField(options: AxiomSourceOptions, traceId: string): Promise<readonly LogLine[]> {
  try {
    return await query(options, `where trace_id == "${traceId}" | sort by _time asc`);
  } catch (thrown) {
    // A dataset that holds nothing but wrapped lines has no such field, and Axiom refuses to filter by it.
    if (RubotError.is(thrown) && thrown.code === 'invalid_request') return [];
    throw thrown;
  }
}

function assertSafe(id: string): string {
  if (!SAFE_ID.test(id)) throw new RubotError('invalid_request', 'The id holds characters that no id of rubot has.');
  return id;
}

async function query(options: AxiomSourceOptions, pipeline: string): Promise<readonly LogLine[]> {
  const now = (options.now ?? Date.now)();
  const response = await send(options, {
    apl: `['${options.dataset}'] | ${pipeline}`,
    startTime: new Date(now - LOOKBACK_MS).toISOString(),
    endTime: new Date(now + CLOCK_MARGIN_MS).toISOString(),
  });
  if (!response.ok) throw await toError(response, options);
  const answer = TabularAnswer.safeParse(await response.json().catch(() => undefined));
  if (!answer.success) throw new RubotError('upstream_failed', 'Axiom answered in a shape that is not its own. Check AXIOM_URL.');
  return parseLogLines(answer.data.tables.flatMap(toRows));
}

async function send({ fetch, origin, token }: AxiomSourceOptions, body: Record<string, string>): Promise<Response> {
  try {
    return await fetch(`${origin}/v1/datasets/_apl?format=tabular`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (cause) {
    throw new RubotError('unavailable', `Axiom at ${origin} cannot be reached. Check AXIOM_URL and the network.`, { cause });
  }
}

function toRows({ fields, columns }: Table): readonly Record<string, unknown>[] {
  const [first] = columns ?? [];
  return (first ?? []).map((_, row) => Object.fromEntries(fields.map(({ name }, column) => [name, columns?.[column]?.[row]])));
}

async function toError(response: Response, { dataset }: AxiomSourceOptions): Promise<RubotError> {
  const said = await readMessage(response);
  switch (response.status) {
    case 401:
    case 403:
      return new RubotError(
        'invalid_api_key',
        `Axiom refused the token: ${said}. AXIOM_TOKEN must be an API token that may query ${dataset}.`,
      );
    case 404:
      return new RubotError('not_found', `Axiom does not know the dataset ${dataset}: ${said}. Check AXIOM_DATASET.`);
    case 429:
      return new RubotError('rate_limited', `Axiom limits queries for now: ${said}. Try again later.`);
    default:
      return new RubotError(response.status === 400 ? 'invalid_request' : 'upstream_failed', `Axiom answered ${response.status}: ${said}.`);
  }
}

async function readMessage(response: Response): Promise<string> {
  const text = await response.text().catch(() => '');
  const body = z.looseObject({ message: z.string() }).safeParse(tryParse(text));
  return body.success ? body.data.message.slice(0, MAX_ERROR_CHARACTERS) : 'it gave no reason';
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
