import { HEADERS } from '@rubot/contracts/headers';
import { type ApiUpstream, startApiUpstream } from '@rubot/testkit/api-upstream';
import type { ModelExchange } from '@rubot/testkit/model-upstream';
import { findLeaks } from '@rubot/testkit/secret-forms';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { completeKeys } from '../../src/stack/keys.ts';
import { type ModelStack, startModelStack } from '../_stack.ts';
import { callRuns, readRunEvents } from '../runs/_runs.ts';
import { signSound } from './_forgeries.ts';
import { toKind } from './_roles.ts';
import { askAdmin, buildTenant, issueToken, redeem, type TenantWorld } from './_world.ts';

const CREDENTIAL = 'cr-canary-8Wd1/Cn6+Xv3"Zk9Tq4Bf7Yg2';
const MODEL_KEY = 'sk-canary-p3Xv9Zk4Tq8Bf1Yg6Hm2Lp7Rj5';
const OPENAPI = {
  openapi: '3.1.0',
  info: { title: 'CRM', version: '1' },
  paths: {
    '/customers': { get: { operationId: 'list_customers', responses: { 200: { description: 'All.' } } } },
    '/echo': { get: { operationId: 'echo_all', responses: { 200: { description: 'What was sent.' } } } },
    '/broken': { get: { operationId: 'fail', responses: { 200: { description: 'Never.' } } } },
  },
};

/** Whatever somebody outside of our processes may read: by the name of where it was read. */
const places: [place: string, text: string][] = [];
const secrets: Record<string, string> = {};
let stack: ModelStack;
let upstream: ApiUpstream;
let tenant: TenantWorld;

beforeAll(async () => {
  upstream = await startApiUpstream();
  const keys = completeKeys({});
  stack = await startModelStack({
    agents: ['tables'],
    seed: false,
    keys,
    variables: {
      middleware: { OUTBOUND_HOSTS: upstream.host, OUTBOUND_PRIVATE_HOSTS: upstream.host, LOG_LEVEL: 'debug' },
      gateway: { LOG_LEVEL: 'debug', GATEWAY_API_KEY_PREVIOUS: PREVIOUS, BEARER_SIGNING_SECRET_PREVIOUS: `${PREVIOUS}2` },
      orchestrator: { LOG_LEVEL: 'debug', OPENAI_API_KEY: MODEL_KEY },
      'agent-tables': { LOG_LEVEL: 'debug', OPENAI_API_KEY: MODEL_KEY },
    },
    onLine: (line) => places.push(['log', line]),
    onNoise: (line) => places.push(['noise', line]),
  });
  tenant = await buildTenant(stack, 'a');
  const { pin } = await askAdmin(stack, 'POST', `/tenants/${tenant.tenant}/link-pins`, {});
  Object.assign(secrets, keys, { CREDENTIAL, MODEL_KEY, PREVIOUS });
  secrets['pin'] = `"${pin}"`;
  secrets['token'] = tenant.tokens['chat:write'].token;
  secrets['handle'] = tenant.tokens['chat:write'].handle;
  await askAdmin(stack, 'PUT', `/tenants/${tenant.tenant}/connections/crm`, {
    kind: 'http',
    base_url: upstream.url,
    openapi: OPENAPI,
    auth: { type: 'bearer' },
    credential: CREDENTIAL,
  });
});
afterAll(async () => {
  await stack.stop();
  await upstream.close();
});

const PREVIOUS = 'pv-canary-m2Lp7Rj5Wd1Cn6Xv3Zk9Tq4Bf';

/** Reads an answer as its client does: status, headers and body. */
async function note(place: string, response: Response): Promise<Response> {
  const text = await response.text();
  places.push([`${place}: headers`, JSON.stringify([...response.headers])], [`${place}: body`, text]);
  return new Response(text, { status: response.status === 204 ? 200 : response.status, headers: response.headers });
}

const tablesCalled = (name: string, input: unknown = {}) => ({ toolCalls: [{ name, arguments: input }] });
const QUESTION = { model: 'rubot/tables', messages: [{ role: 'user', content: 'What is there?' }] };

/** Asks for a completion, a stream, and a run with its events both ways. */
async function askInEveryWay(name: string, init: RequestInit = {}): Promise<void> {
  const headers = {
    authorization: `Bearer ${stack.keys.GATEWAY_API_KEY}`,
    'content-type': 'application/json',
    [HEADERS.senderId]: tenant.sender,
    [HEADERS.sessionId]: `${tenant.session}-${name}`,
    ...init.headers,
  };
  for (const stream of [false, true]) {
    const body = JSON.stringify({ ...QUESTION, stream });
    await note(
      `${name}, stream ${stream}`,
      await fetch(`${stack.urls.gateway}/v1/chat/completions`, { method: 'POST', ...init, headers, body }),
    );
  }
  const speaker = { senderId: tenant.sender, sessionId: `${tenant.session}-${name}` };
  const begun = await callRuns(stack, '', { speaker, body: QUESTION });
  const { id } = (await (await note(`${name}, run`, begun)).json()) as { id?: string };
  if (id === undefined) return;
  places.push([`${name}, events`, JSON.stringify(await readRunEvents(stack, id, { speaker }))]);
  const page = await callRuns(stack, `/${id}/events?wait_ms=0`, { speaker, headers: { accept: 'application/json' } });
  await note(`${name}, page of events`, page);
  await note(`${name}, run as it is`, await callRuns(stack, `/${id}`, { speaker }));
}

function collectPrompts(): void {
  for (const { body, path, headers } of stack.model.requests) {
    const { authorization, ...others } = headers;
    // The model's own key is what the model is called with, and nothing else is.
    expect(authorization).toBe(`Bearer ${MODEL_KEY}`);
    places.push(['prompt', JSON.stringify({ path, others, body })]);
  }
}

describe('no secret leaves', () => {
  it('in answers, failures and refusals of any hop', { timeout: 120_000 }, async () => {
    const asked = (exchange: ModelExchange) => (exchange.body['messages'] as readonly unknown[]).length;
    const echo = (exchange: ModelExchange) => {
      const said = JSON.stringify([exchange.headers, exchange.body]);
      exchange.refuse(400, JSON.stringify({ error: { message: said, type: said, code: said } }), {
        'x-echo': said.slice(0, 2_000).replace(/[^\x20-\x7e]/g, ''),
      });
    };
    upstream.onRequest(({ path, headers, body }) => {
      const said = { headers, body, url: path };
      if (path.includes('/broken')) return { status: 500, headers: { 'x-echo': String(headers.authorization) }, body: said };
      if (path.includes('/echo')) return { headers: { 'x-echo': String(headers.authorization) }, body: said };
      return { body: [{ name: 'Ada', note: `auth was ${headers.authorization}` }] };
    });
    stack.model.otherwise({ text: 'done' });
    await askInEveryWay('plain');
    for (const tool of ['crm_list_customers', 'crm_echo_all', 'crm_fail', 'tables_list', 'tables_describe', 'no_such_tool']) {
      stack.model.otherwise((exchange) => exchange.answer(asked(exchange) > 2 ? { text: 'done' } : tablesCalled(tool)));
      await askInEveryWay(tool);
      await callTool(tool);
    }
    stack.model.otherwise(echo);
    await askInEveryWay('a model that echoes');
    stack.model.otherwise({ status: 401, body: `{"error":{"message":"Incorrect API key provided: ${MODEL_KEY}"}}` });
    await askInEveryWay('a model that refuses the key');
    stack.model.otherwise({ status: 500, body: `<html>${MODEL_KEY}</html>` });
    await askInEveryWay('a model that is broken');
    stack.model.otherwise({ text: 'done' });
    for (const [name, credential] of Object.entries(secrets))
      await askInEveryWay(`${name} as the key`, { headers: { authorization: `Bearer ${credential.replace(/[^\x21-\x7e]/g, '')}x` } });
    await refuseEverywhere();
    await readAllThatIsTold();
    await stack.stopService('agent-tables');
    await askInEveryWay('an agent that is away');
    await stack.startService('agent-tables');
    collectPrompts();
    expect(places.length).toBeGreaterThan(300);
    // It was sent where it belongs, so there was something to leak.
    expect(upstream.requests.filter(({ headers }) => headers.authorization === `Bearer ${CREDENTIAL}`).length).toBeGreaterThanOrEqual(3);
    expect(findLeaks(secrets, places)).toEqual([]);
  });

  it('and one that is planted would be found, in each place and form', () => {
    for (const plant of [CREDENTIAL, Buffer.from(`user:${CREDENTIAL}`).toString('base64'), encodeURIComponent(CREDENTIAL)]) {
      expect(findLeaks(secrets, [...places, ['planted', `{"note":"${plant}"}`]])).toEqual([
        expect.objectContaining({ secret: 'CREDENTIAL', place: 'planted' }),
      ]);
    }
  });
});

/** With a bearer of the tenant, past agent and model: what a tool answers, in full. */
async function callTool(tool: string): Promise<void> {
  const bearer = signSound(toKind(tenant, 'data'), stack.keys.BEARER_SIGNING_SECRET);
  const url = `${stack.urls.middleware}/data/${tenant.tenant}/tools`;
  const headers = { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' };
  await note('the list of tools', await fetch(url, { headers }));
  await note(`tool ${tool}`, await fetch(`${url}/${tool}/call`, { method: 'POST', headers, body: '{"arguments":{}}' }));
}

/** Bad requests of every kind, at every service. */
async function refuseEverywhere(): Promise<void> {
  const { agents, ...urls } = stack.urls;
  const origins = [...Object.values(urls), ...Object.values(agents)];
  for (const origin of origins) {
    for (const path of [
      '/',
      '/readyz',
      '/metrics',
      '/nowhere',
      '/v1/runs',
      '/v1/capabilities',
      '/internal/tenants',
      '/admin/tenants',
      '/admin/diagnosis',
    ]) {
      for (const [name, value] of Object.entries(secrets)) {
        const headers = { authorization: `Bearer ${value.replace(/[^\x21-\x7e]/g, '')}` };
        const isItsOwn = await fetch(`${origin}${path}`, { headers });
        await note(`${path} with ${name}`, isItsOwn);
      }
      await note(path, await fetch(`${origin}${path}`, { method: 'POST', body: '{"a":' }));
    }
  }
}

/** What the operator and administrators are shown. */
async function readAllThatIsTold(): Promise<void> {
  const { tenant: id } = tenant;
  const paths = ['tokens', 'audit?limit=1000', 'audit/head', 'connections', 'connections/crm', ''].map((path) =>
    `/tenants/${id}/${path}`.replace(/\/$/, ''),
  );
  for (const path of [...paths, '/audit?limit=1000', '/identity-bindings', '/dead-letters', '/diagnosis', '/tenants']) {
    const headers = { authorization: `Bearer ${stack.keys.ADMIN_API_KEY}` };
    await note(`/admin${path}`, await fetch(`${stack.urls.gateway}/admin${path}`, { headers }));
  }
  const issued = await issueToken(stack, id, ['run:read']);
  secrets['another token'] = issued.token;
  secrets['bearer of an action'] = await redeem(stack, issued, ['run:read']);
  await note(
    'runs by an action',
    await fetch(`${stack.urls.gateway}/v1/runs`, { headers: { authorization: `Bearer ${secrets['bearer of an action']}` } }),
  );
}
