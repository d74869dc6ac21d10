import type { FetchLike } from '@rubot/http/upstream';
import { describe, expect, it } from 'vitest';
import { bodyOf, CHAT, createHarness, ENV, eventStream, IDENTITY, unlinked } from './_harness.ts';

const RUN_ID = `run_${'0a'.repeat(16)}`;
const RUN = {
  id: RUN_ID,
  object: 'run',
  status: 'running',
  model: 'rubot',
  attempt: 1,
  last_seq: 3,
  created_at: 1,
  finished_at: null,
  usage: null,
  slices: null,
  error: null,
};
const HEADERS = { authorization: `Bearer ${ENV.GATEWAY_API_KEY}`, ...IDENTITY };
const encode = (text: string) => new TextEncoder().encode(text);
const answersRun: FetchLike = async () => Response.json(RUN);

function streams(...pieces: string[]): FetchLike {
  return async () => eventStream(bodyOf(pieces.map(encode)));
}

describe('requests about runs', () => {
  it.each([
    ['GET', ''],
    ['GET', `/${RUN_ID}`],
    ['GET', `/${RUN_ID}/events?after_seq=3&limit=2`],
    ['POST', `/${RUN_ID}/cancel`],
  ])(
    'reach the orchestrator in the name of the sender’s tenant, with nothing of the client’s own but how it reads: %s %s',
    async (method, path) => {
      const harness = await createHarness({ orchestrator: answersRun });
      const forged = {
        'x-tenant-id': 'other',
        'x-rubot-allowed-agents': '*',
        cookie: 'c=1',
        'last-event-id': '3',
        accept: 'application/json',
      };
      const response = await harness.request(`/v1/runs${path}`, { method, headers: { ...HEADERS, ...forged } });
      expect([response.status, await response.json()]).toEqual([200, RUN]);
      const [sent] = harness.toOrchestrator;
      expect(sent).toMatchObject({ method, url: `${ENV.ORCHESTRATOR_URL}/v1/runs${path}` });
      expect(sent?.headers).toMatchObject({
        'x-tenant-id': 'acme',
        'x-chat-source-sender-id': IDENTITY['x-chat-source-sender-id'],
        'x-rubot-allowed-agents': 'tables',
        'last-event-id': '3',
        accept: 'application/json',
      });
      expect(sent?.headers).not.toHaveProperty('cookie');
      expect(sent?.headers).not.toHaveProperty('x-rubot-data-bearer');
    },
  );

  it('are refused to whoever has no key, no identity, or no tenant', async () => {
    const harness = await createHarness({ orchestrator: answersRun });
    expect((await harness.request(`/v1/runs/${RUN_ID}`, { headers: IDENTITY })).status).toBe(401);
    expect((await harness.request('/v1/runs', { headers: { authorization: HEADERS.authorization } })).status).toBe(400);
    expect((await (await createHarness({ middleware: unlinked })).request('/v1/runs', { headers: HEADERS })).status).toBe(403);
    expect(harness.toOrchestrator).toEqual([]);
  });

  it('pass the orchestrator’s refusals on', async () => {
    const error = { message: 'There is no such run.', type: 'invalid_request_error', param: null, code: 'not_found' };
    const { request } = await createHarness({ orchestrator: async () => Response.json({ error }, { status: 404 }) });
    const response = await request(`/v1/runs/${RUN_ID}`, { headers: HEADERS });
    expect([response.status, await response.json()]).toEqual([404, { error }]);
  });
});

describe('the events of a run', () => {
  const chunk = 'id: 2\ndata: {"choices":[]}\n\n';

  it.each(['id: 3\nevent: end\ndata: {}\n\n', 'event: end\ndata: {}\n\n'])('are whole when they end with their end: %j', async (end) => {
    const { request } = await createHarness({ orchestrator: streams(chunk, end) });
    const response = await request(`/v1/runs/${RUN_ID}/events`, { headers: HEADERS });
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(await response.text()).toBe(chunk + end);
  });

  it.each([chunk, `${chunk}id: 3\nevent: step\ndata: {}\n\n`, `${chunk}id: 3\nevent: end\ndata: {`])(
    'are told to be a piece when they are cut: %j',
    async (piece) => {
      const { request, lines } = await createHarness({ orchestrator: streams(piece) });
      const text = await (await request(`/v1/runs/${RUN_ID}/events`, { headers: HEADERS })).text();
      expect(text).toMatch(/\n\ndata: \{"error":\{.*"code":"stream_interrupted"\}\}\n\n$/);
      expect(lines.find((line) => line.event_type === 'request.completed')).toMatchObject({ error: { code: 'stream_interrupted' } });
    },
  );
});

describe('a wish for what leaving does', () => {
  it('goes along where there is one', async () => {
    const harness = await createHarness();
    await harness.complete(CHAT);
    await harness.complete(CHAT, { 'x-rubot-on-disconnect': 'continue' });
    expect(harness.toOrchestrator.map(({ headers }) => headers['x-rubot-on-disconnect'])).toEqual([undefined, 'continue']);
  });
});
