import { randomUUID } from 'node:crypto';
import { HEADERS } from '@rubot/contracts/headers';
import type { LogLine } from '@rubot/contracts/log';
import { startWorkers } from '@rubot/testkit/workerd/start-workers';
import { buildTrace } from '@rubot/traces/build-trace';
import { parseLogText } from '@rubot/traces/parse-lines';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { REPOSITORY } from '../../src/repository.ts';
import { type HopProxy, startHopProxy } from '../_hop-proxy.ts';
import { type ModelStack, startModelStack } from '../_stack.ts';
import { findProblems } from './_proof.ts';
import { type CommandFolder, createCommandFolder } from './_rubot-command.ts';
import { askForTool } from './_tool-request.ts';

const ONE = [HEADERS.traceparent];
const BOTH = [HEADERS.traceparent, HEADERS.traceId];

let proxies: Readonly<Record<'orchestrator' | 'agents' | 'conversational' | 'middleware' | 'plannerModel' | 'agentModel', HopProxy>>;
let stack: ModelStack;
let folder: CommandFolder;

/** Proxies stand on every hop that is made over the network, so that any of them can lose a header. */
beforeAll(async () => {
  folder = await createCommandFolder();
  const [orchestrator, agents, conversational, middleware, plannerModel, agentModel] = await Promise.all([
    startHopProxy(),
    startHopProxy(),
    startHopProxy(),
    startHopProxy(),
    startHopProxy(),
    startHopProxy(),
  ]);
  proxies = { orchestrator, agents, conversational, middleware, plannerModel, agentModel };
  stack = await startModelStack({
    logFile: folder.logFile,
    agents: ['tables', 'conversational'],
    reroute(urls) {
      orchestrator.forwardTo(urls.orchestrator);
      agents.forwardTo(urls.agents['tables'] ?? '');
      conversational.forwardTo(urls.agents['conversational'] ?? '');
      middleware.forwardTo(urls.middleware);
      return {
        gateway: urls.gateway,
        orchestrator: orchestrator.origin,
        middleware: middleware.origin,
        agents: { tables: agents.origin, conversational: conversational.origin },
      };
    },
    variables: {
      orchestrator: { OPENAI_BASE_URL: `${plannerModel.origin}/v1` },
      'agent-tables': { OPENAI_BASE_URL: `${agentModel.origin}/v1` },
    },
  });
  plannerModel.forwardTo(stack.model.url);
  agentModel.forwardTo(stack.model.url);
  await folder.tellOf(stack);
});

afterEach(() => {
  for (const proxy of Object.values(proxies)) proxy.interfere();
});

afterAll(async () => {
  await stack.stop();
  await Promise.all(Object.values(proxies).map((proxy) => proxy.close()));
  await folder.remove();
});

/** Asks in a session of its own, and waits until both ends of a hop have written what they know, in whatever trace. */
async function askAndLook(callee: string, spanName: string): Promise<readonly string[]> {
  const sessionId = randomUUID();
  const firstRequest = stack.model.requests.length;
  const traceId = await askForTool(stack, { question: 'which?', speaker: { sessionId } });
  const ends = [
    ['rubot-gateway', 'POST /v1/chat/completions'],
    [callee, spanName],
  ];
  for (const [service, name] of ends) await stack.waitForLine((line) => isServerSpan(line, sessionId, service, name));
  return findProblems(buildTrace(traceId, stack.linesOf(traceId)), stack.model.requests.slice(firstRequest));
}

function isServerSpan(line: LogLine, sessionId: string, service: string | undefined, name: string | undefined): boolean {
  const isOfRequest = line.chat_source_session_id === sessionId && line.service === service;
  return isOfRequest && line.extra?.['span_kind'] === 'server' && line.extra['span_name'] === name;
}

function toProblem(caller: string, callee: string, name: string): string {
  return `rubot-${caller} called rubot-${callee} (${name}), but the trace has no server span of rubot-${callee} under that call`;
}

const HOPS = [
  { proxy: 'orchestrator', caller: 'gateway', callee: 'orchestrator', name: 'POST /v1/chat/completions' },
  { proxy: 'agents', caller: 'orchestrator', callee: 'agent-tables', name: 'POST /v1/chat/completions' },
  { proxy: 'middleware', caller: 'agent-tables', callee: 'middleware', name: 'GET /data/demo/tools' },
  { proxy: 'middleware', caller: 'agent-tables', callee: 'middleware', name: 'POST /data/demo/tools/tables_query/call' },
] as const;

describe('the proof that a trace is whole', () => {
  it('finds nothing amiss while the proxies only pass things on', async () => {
    const traceId = await askForTool(stack, { question: 'which?' });
    expect(findProblems(await stack.waitForTrace(traceId), stack.model.requests)).toEqual([]);
  });

  it.each(HOPS.flatMap((hop) => [ONE, BOTH].map((dropped) => ({ ...hop, dropped }))))(
    'fails when $caller → $callee ($name) loses $dropped',
    async ({ proxy, caller, callee, name, dropped }) => {
      // An agent that has just started has not listed the tools of any tenant.
      if (name === 'GET /data/demo/tools') await stack.restartService('agent-tables');
      const path = new RegExp(`${name.replace(/^\w+ /, '')}$`);
      proxies[proxy].interfere({ path, dropHeaders: dropped });
      const problems = await askAndLook(`rubot-${callee}`, name);
      expect(problems).toContain(toProblem(caller, callee, name));
      expect(problems.includes(`rubot-${callee} ${name} names no parent`)).toBe(dropped === ONE);
    },
  );

  it.each([
    { proxy: 'plannerModel', caller: 'orchestrator', calls: 1 },
    { proxy: 'agentModel', caller: 'agent-tables', calls: 2 },
  ] as const)('fails when $caller → model loses the header', async ({ proxy, caller, calls }) => {
    proxies[proxy].interfere({ dropHeaders: ONE });
    const problems = await askAndLook('rubot-agent-tables', 'POST /v1/chat/completions');
    const problem = `rubot-${caller} called the model (chat openai/test-model), but the model was not told of that call`;
    expect(problems).toEqual(Array.from({ length: calls }, () => problem));
  });

  it.each([{ dropped: ONE }, { dropped: BOTH }])('fails when gateway → middleware loses $dropped', async ({ dropped }) => {
    // This hop is a service binding and touches no network: a gateway of its own, bound to what loses the headers.
    const { middleware, gateway } = stack.urls;
    const lines: LogLine[] = [];
    const { GATEWAY_API_KEY, ADMIN_API_KEY, MIDDLEWARE_API_KEY, BEARER_SIGNING_SECRET } = stack.keys;
    const workers = await startWorkers({
      workers: [
        {
          directory: new URL('workers/gateway/', REPOSITORY),
          variables: {
            GATEWAY_API_KEY,
            ADMIN_API_KEY,
            MIDDLEWARE_API_KEY,
            BEARER_SIGNING_SECRET,
            ORCHESTRATOR_URL: stack.urls.orchestrator,
            LINK_URL: gateway,
          },
          standIns: { MIDDLEWARE: (request) => passOnWithout(request, middleware, dropped) },
        },
      ],
      onLine: (line) => lines.push(...parseLogText(line)),
      onNoise() {},
    });
    try {
      const sessionId = randomUUID();
      const traceId = await askForTool(stack, {
        question: 'which?',
        speaker: { sessionId },
        gatewayUrl: workers.urlOf('rubot-gateway-dev'),
      });
      await stack.waitForLine((line) => isServerSpan(line, sessionId, 'rubot-middleware', 'POST /internal/sessions/resolve'));
      await expect.poll(() => lines.some((line) => isServerSpan(line, sessionId, 'rubot-gateway', 'POST /v1/chat/completions'))).toBe(true);
      const problems = findProblems(buildTrace(traceId, [...stack.linesOf(traceId), ...lines]), stack.model.requests);
      expect(problems).toContain(toProblem('gateway', 'middleware', 'POST /internal/sessions/resolve'));
    } finally {
      await workers.stop();
    }
  });
});

describe('rubot smoke', () => {
  it('fails on a stack whose agents lose the trace, and says between whom', async () => {
    const healthy = await folder.run(['smoke', stack.urls.gateway]);
    expect(healthy).toMatchObject({ status: 0, stderr: '' });
    for (const proxy of [proxies.agents, proxies.conversational]) proxy.interfere({ dropHeaders: BOTH });
    const broken = await folder.run(['smoke', stack.urls.gateway, '--wait', '1']);
    expect(broken.status).toBe(1);
    expect(broken.stderr).toMatch(/The trace is not complete: rubot-orchestrator called rubot-agent-\w+ \(POST \/v1\/chat\/completions\)/);
  });
});

async function passOnWithout(request: Request, origin: string, dropped: readonly string[]): Promise<Response> {
  const headers = new Headers(request.headers);
  for (const name of dropped) headers.delete(name);
  const { pathname } = new URL(request.url);
  return fetch(new URL(pathname, origin), { method: request.method, headers, body: await request.arrayBuffer() });
}
