import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import type { LogLine } from '@rubot/contracts/log';
import { afterEach, describe, expect, it } from 'vitest';
import { RUN_ID, recordCompletion } from '../tests/sample-trace.ts';
import { createAxiomSource } from './axiom.ts';
import { buildTrace } from './build-trace.ts';
import { renderWaterfall } from './render-waterfall.ts';
import { loadTrace, type TraceSource } from './source.ts';

const TOKEN = 'xaat-00000000-0000-4000-8000-000000000000';
const DATASET = 'rubot-logs';

interface Query {
  readonly apl: string;
  readonly startTime: string;
  readonly endTime: string;
}

type Row = Readonly<Record<string, unknown>>;
interface Answer {
  readonly status?: number;
  readonly body: unknown;
}

const servers: Server[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => Promise.all([once(server, 'close'), server.close()])));
});

/** Speaks the query endpoint of Axiom as its documentation has it. */
async function startAxiom(answer: (query: Query) => Answer): Promise<{ source: TraceSource; queries: Query[] }> {
  const queries: Query[] = [];
  const server = createServer(async (request, response) => {
    const { status = 200, body } = await handle(request);
    response.writeHead(status, { 'content-type': 'application/json', connection: 'close' }).end(JSON.stringify(body));
  });
  async function handle(request: IncomingMessage): Promise<Answer> {
    if (request.method !== 'POST' || request.url !== '/v1/datasets/_apl?format=tabular')
      return { status: 404, body: { message: 'no route' } };
    if (request.headers.authorization !== `Bearer ${TOKEN}`) return { status: 403, body: { code: 403, message: 'forbidden' } };
    const query = (await json(request)) as Query;
    queries.push(query);
    return answer(query);
  }
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { source: createAxiomSource({ fetch, origin, token: TOKEN, dataset: DATASET }), queries };
}

function toTabular(rows: readonly Row[]): Answer {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const fields = names.map((name) => ({ name, type: 'string' }));
  const columns = names.map((name) => rows.map((row) => row[name] ?? null));
  const table = { name: '0', sources: [{ name: DATASET }], fields, order: [{ field: '_time', desc: false }], groups: [], columns };
  return { body: { format: 'tabular', status: { isPartial: false, rowsMatched: rows.length }, tables: rows.length === 0 ? [] : [table] } };
}

function toAxiomRow({ timestamp, extra, error, ...line }: LogLine): Row {
  const nested = Object.entries({ extra, error }).flatMap(([name, fields]) =>
    Object.entries(fields ?? {}).map(([field, value]) => [`${name}.${field}`, value]),
  );
  return { _time: timestamp, _sysTime: timestamp, ...line, ...Object.fromEntries(nested) };
}

/** What Axiom's two operators find: a field's exact value, or a text anywhere in a row. */
function find(rows: readonly Row[], { apl }: Query): readonly Row[] {
  const field = /\| where trace_id == "([^"]+)" \| sort by _time asc$/.exec(apl);
  const text = /\| search "\*([^"]+)\*"/.exec(apl);
  if (field !== null) return rows.filter((row) => row['trace_id'] === field[1]);
  return text?.[1] === undefined ? [] : rows.filter((row) => JSON.stringify(row).includes(text[1] ?? ''));
}

describe('createAxiomSource', () => {
  it('shows the same trace as the lines themselves', async () => {
    const { traceId, lines } = recordCompletion();
    const { source, queries } = await startAxiom((query) => toTabular(find(lines.map(toAxiomRow), query)));
    const trace = await loadTrace(source, traceId);
    const options = { width: 100, color: false };
    expect(renderWaterfall(trace!, options)).toBe(renderWaterfall(buildTrace(traceId, lines), options));
    expect(queries.map(({ apl }) => apl)).toEqual([`['rubot-logs'] | where trace_id == "${traceId}" | sort by _time asc`]);
    const [query] = queries;
    expect(Date.parse(query!.endTime) - Date.parse(query!.startTime)).toBeGreaterThan(86_400_000);
  });

  it('finds lines that a drain wrapped, where some or all of them have no fields of their own', async () => {
    const { traceId, lines } = recordCompletion();
    const isOfWorker = (line: LogLine): boolean => /gateway|middleware/.test(line.service);
    const logpush = {
      EventType: 'fetch',
      Logs: lines.filter(isOfWorker).map((line) => ({ Level: 'log', Message: [JSON.stringify(line)] })),
    };
    const rows = [logpush, ...lines.filter((line) => !isOfWorker(line)).map(toAxiomRow)];
    const { source } = await startAxiom((query) => toTabular(find(rows, query)));
    expect(await loadTrace(source, traceId)).toEqual(buildTrace(traceId, lines));
  });

  it('finds wrapped lines in a dataset that has no field trace_id at all', async () => {
    const { traceId, lines } = recordCompletion();
    const rows = lines.map((line) => ({ message: JSON.stringify(line) }));
    const { source } = await startAxiom((query) =>
      query.apl.includes('where')
        ? { status: 400, body: { code: 400, message: "field 'trace_id' not found" } }
        : toTabular(find(rows, query)),
    );
    expect(await loadTrace(source, traceId)).toEqual(buildTrace(traceId, lines));
  });

  it.each([RUN_ID, RUN_ID.replace('run_', 'chatcmpl-')])('finds the trace of %s', async (id) => {
    const { traceId, lines } = recordCompletion();
    const { source } = await startAxiom((query) => toTabular(find(lines.map(toAxiomRow), query)));
    expect((await loadTrace(source, id))?.traceId).toBe(traceId);
  });

  it('knows nothing of an id that no line has', async () => {
    const { source } = await startAxiom(() => toTabular([]));
    expect(await loadTrace(source, 'a'.repeat(32))).toBeUndefined();
    expect(await loadTrace(source, RUN_ID)).toBeUndefined();
  });

  it.each(['" or true //', `${'a'.repeat(31)}"`, `run_"${'0'.repeat(31)}`, 'chatcmpl-" | take 1', '', 'A'.repeat(32)])(
    'sends no query for %j',
    async (id) => {
      const { source, queries } = await startAxiom(() => toTabular([]));
      await expect(loadTrace(source, id)).rejects.toMatchObject({ code: 'invalid_request' });
      await expect(source.findLines(`${id}"`)).rejects.toMatchObject({ code: 'invalid_request' });
      expect(queries).toEqual([]);
    },
  );

  it.each([
    [403, 'invalid_api_key', /AXIOM_TOKEN/],
    [404, 'not_found', /AXIOM_DATASET/],
    [429, 'rate_limited', /later/],
    [500, 'upstream_failed', /500/],
  ])('says what to do when Axiom answers %i', async (status, code, message) => {
    const { source } = await startAxiom(() => ({ status, body: { code: status, message: 'so it is' } }));
    const failure = expect.objectContaining({ code, message: expect.stringMatching(message) });
    await expect(source.findLines('a'.repeat(32))).rejects.toEqual(failure);
    await expect(source.findLines('a'.repeat(32))).rejects.toThrow(/so it is|500/);
  });

  it('never shows the token', async () => {
    const wrong = { fetch, token: 'xaat-wrong-token', dataset: DATASET };
    const { source } = await startAxiom(() => ({ status: 500, body: 'x' }));
    const unreachable = createAxiomSource({ ...wrong, origin: 'http://127.0.0.1:1' });
    for (const broken of [source, unreachable]) {
      const error: unknown = await broken.findLines('a'.repeat(32)).catch((thrown: unknown) => thrown);
      expect(String(error)).not.toMatch(/xaat/);
    }
  });

  it('does not mistake a page of something else for an empty result', async () => {
    const { source } = await startAxiom(() => ({ body: { hello: 'world' } }));
    await expect(source.findLines('a'.repeat(32))).rejects.toMatchObject({ code: 'upstream_failed' });
  });
});
