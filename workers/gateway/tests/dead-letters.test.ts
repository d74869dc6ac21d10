import { HEADERS } from '@rubot/contracts/headers';
import type { FetchLike } from '@rubot/http/upstream';
import { describe, expect, it } from 'vitest';
import { createHarness, ENV, type GatewayHarness, RUN_ID } from './_harness.ts';

const LETTER = {
  run_id: RUN_ID,
  tenant_id: 'acme',
  sender_id: '+15550100',
  model: 'rubot',
  attempt: 4,
  created_at: 1,
  died_at: 2,
  error: { message: 'The agent broke off.', type: 'server_error', param: null, code: 'stream_interrupted' },
};
const PAGE = { object: 'list', data: [LETTER], next_cursor: RUN_ID };
const REPORT = { object: 'list', data: [{ run_id: RUN_ID, redriven: true }] };
const PATHS = [
  ['GET', '/admin/dead-letters'],
  ['POST', '/admin/dead-letters/redrive'],
] as const;

const answers =
  (body: unknown, status = 200): FetchLike =>
  async () =>
    Response.json(body, { status });

function operate({ request }: GatewayHarness, method: string, path: string, body?: unknown, key = ENV.ADMIN_API_KEY): Promise<Response> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  return request(path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
}

async function refusalOf(answer: Promise<Response>): Promise<unknown> {
  const response = await answer;
  const { error } = (await response.json()) as { error: { code: string; param: string | null } };
  return [response.status, error.code, error.param];
}

describe('dead letters', () => {
  it('are listed to operators, in nobody’s name', async () => {
    const gateway = await createHarness({ orchestrator: answers(PAGE) });
    const response = await operate(gateway, 'GET', `/admin/dead-letters?limit=10&cursor=${RUN_ID}&tenant=x`);
    expect([response.status, await response.json()]).toEqual([200, PAGE]);
    const [sent] = gateway.toOrchestrator;
    expect(new URL(sent?.url ?? '').pathname).toBe('/admin/dead-letters');
    expect(Object.fromEntries(new URL(sent?.url ?? '').searchParams)).toEqual({ limit: '10', cursor: RUN_ID });
    expect(sent?.headers['authorization']).toBe(`Bearer ${ENV.GATEWAY_API_KEY}`);
    expect(Object.keys(sent?.headers ?? {})).not.toContain(HEADERS.tenantId);
    expect(gateway.toMiddleware).toEqual([]);
  });

  it('are redriven, and of each it is said what came of it', async () => {
    const gateway = await createHarness({ orchestrator: answers(REPORT) });
    const response = await operate(gateway, 'POST', '/admin/dead-letters/redrive', { run_ids: [RUN_ID] });
    expect([response.status, await response.json()]).toEqual([200, REPORT]);
    expect(gateway.toOrchestrator).toMatchObject([{ method: 'POST', body: JSON.stringify({ run_ids: [RUN_ID] }) }]);
  });

  it.each(PATHS)('open to the operator’s key alone: %s %s', async (method, path) => {
    const gateway = await createHarness({ orchestrator: answers(PAGE) });
    expect(await refusalOf(operate(gateway, method, path, undefined, ENV.GATEWAY_API_KEY))).toEqual([401, 'invalid_api_key', null]);
    expect(await refusalOf(gateway.request(path, { method }))).toEqual([401, 'invalid_api_key', null]);
    expect(gateway.toOrchestrator).toEqual([]);
  });

  it.each([
    ['GET', '/admin/dead-letters?limit=0', undefined, 'limit'],
    ['GET', '/admin/dead-letters?cursor=../x', undefined, 'cursor'],
    ['POST', '/admin/dead-letters/redrive', { run_ids: [] }, 'run_ids'],
    ['POST', '/admin/dead-letters/redrive', { run_ids: ['../../v1/runs'] }, 'run_ids[0]'],
    ['POST', '/admin/dead-letters/redrive', { run_ids: [RUN_ID], all: true }, null],
  ] as const)('are asked for nothing that is wrong: %s %s %j', async (method, path, body, param) => {
    const gateway = await createHarness({ orchestrator: answers(PAGE) });
    expect(await refusalOf(operate(gateway, method, path, body))).toEqual([400, 'invalid_request', param]);
    expect(gateway.toOrchestrator).toEqual([]);
  });

  it('pass the orchestrator’s refusal on, and nothing that is not the contract’s', async () => {
    const error = { message: 'Set GATEWAY_URL.', type: 'server_error', param: null, code: 'misconfigured' };
    const refuses = await createHarness({ orchestrator: answers({ error }, 500) });
    expect(await refusalOf(operate(refuses, 'POST', '/admin/dead-letters/redrive', { run_ids: [RUN_ID] }))).toEqual([
      500,
      'misconfigured',
      null,
    ]);
    const odd = await createHarness({ orchestrator: answers({ rows: [] }) });
    expect(await refusalOf(operate(odd, 'GET', '/admin/dead-letters'))).toEqual([502, 'upstream_failed', null]);
  });
});
