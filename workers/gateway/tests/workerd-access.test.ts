import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { CHAT, COMPLETION, ENV, IDENTITY, RUN_ID } from './_harness.ts';
import { expectStatus, type Platform, startPlatform } from './_platform.ts';
import { CLIENT_HEADERS, SSE, startGateway, stopAfterEach } from './_workerd.ts';

stopAfterEach();

const PING = ': ping\n\n';
/** What the product promises, from the answer that ended the access. */
const PROMISE_MS = 5_000;

/** An orchestrator whose streams go on until they are stopped, and whose other answers come at once. */
function createOrchestrator() {
  const stopped: Promise<void>[] = [];
  return {
    stopped,
    handle(request: { readonly url?: string | undefined; resume(): void }, response: ServerResponse): void {
      request.resume();
      if (!request.url?.endsWith('/events')) {
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(COMPLETION));
        return;
      }
      response.writeHead(200, SSE).write(PING);
      const timer = setInterval(() => response.write(PING), 50);
      const { promise, resolve } = Promise.withResolvers<void>();
      stopped.push(promise);
      response.on('close', () => {
        clearInterval(timer);
        resolve();
      });
    },
  };
}

interface Ending {
  readonly text: string;
  readonly endedAtMs: number;
}

async function readToEnd(response: Response): Promise<Ending> {
  const text = await response.text();
  return { text, endedAtMs: performance.now() };
}

function openEvents(platform: Platform, credential: string, headers: Record<string, string> = {}): Promise<Response> {
  return platform.ask(credential, 'GET', `/v1/runs/${RUN_ID}/events`, { headers: { accept: 'text/event-stream', ...headers } });
}

describe('the end of access, in workerd with the real middleware', () => {
  it('a revoked token opens nothing new within five seconds, and its open streams end with one frame that says why', async () => {
    const orchestrator = createOrchestrator();
    const platform = await startPlatform(orchestrator.handle);
    const tenantId = await platform.newTenant();
    const { token, token_id: tokenId } = await platform.issueToken(tenantId, { scopes: ['chat:write', 'run:read'] });
    const endings = await Promise.all(
      [1, 2, 3].map(async (session) => {
        const response = await openEvents(platform, token, { 'x-chat-source-session-id': `s-${session}` });
        expect(response.status).toBe(200);
        return { ending: readToEnd(response) };
      }),
    );
    await expectStatus(200, await platform.ask(token, 'POST', '/v1/chat/completions', { body: CHAT }));
    await expectStatus(204, await platform.admin('DELETE', `/admin/tenants/${tenantId}/tokens/${tokenId}`));
    const revokedAtMs = performance.now();
    expect((await platform.ask(token, 'POST', '/v1/chat/completions', { body: CHAT })).status).toBe(401);
    for (const { ending } of endings) {
      const { text, endedAtMs } = await ending;
      expect(text).toMatch(/^(: ping\n\n)+data: \{"error":\{[^\n]*"code":"(invalid_api_key|forbidden)"\}\}\n\n$/);
      expect(endedAtMs - revokedAtMs).toBeLessThan(PROMISE_MS);
    }
    await Promise.all(orchestrator.stopped);
  });

  it('an unbound sender’s open streams end within five seconds, and another sender’s go on', async () => {
    const orchestrator = createOrchestrator();
    const platform = await startPlatform(orchestrator.handle);
    const tenantId = await platform.newTenant();
    for (const senderId of ['+1', '+2']) {
      await expectStatus(201, await platform.admin('POST', '/admin/identity-bindings', { sender_id: senderId, tenant_id: tenantId }));
    }
    const headersOf = (senderId: string) => ({ 'x-chat-source-sender-id': senderId, 'x-chat-source-session-id': `session of ${senderId}` });
    const ending = readToEnd(await openEvents(platform, ENV.GATEWAY_API_KEY, headersOf('+1')));
    const other = (await openEvents(platform, ENV.GATEWAY_API_KEY, headersOf('+2'))).body!.getReader();
    await expectStatus(204, await platform.admin('DELETE', '/admin/identity-bindings/%2B1'));
    const unboundAtMs = performance.now();
    const { text, endedAtMs } = await ending;
    expect(text).toMatch(/data: \{"error":\{[^\n]*"code":"forbidden"\}\}\n\n$/);
    expect(endedAtMs - unboundAtMs).toBeLessThan(PROMISE_MS);
    for (let heartbeat = 0; heartbeat < 20; heartbeat += 1) expect((await other.read()).done).toBe(false);
    await other.cancel();
  });
});

describe('a question that many share, in workerd', () => {
  it('is asked by another when the one who asked has left', async () => {
    const orchestrator = createOrchestrator();
    let isLinked = true;
    let onAsked = () => {};
    const gateway = await startGateway(orchestrator.handle, {
      async middleware() {
        onAsked();
        const answer = isLinked ? { status: 'linked', tenant_id: 'acme', allowed_agents: null } : { status: 'unlinked' };
        // Long enough for whoever asked to leave before the answer.
        await new Promise((resolve) => setTimeout(resolve, 300));
        return Response.json(answer);
      },
    });
    const leaving = new AbortController();
    const open = (signal?: AbortSignal) =>
      fetch(`${gateway.url}/v1/runs/${RUN_ID}/events`, { headers: CLIENT_HEADERS, ...(signal === undefined ? {} : { signal }) });
    const left = [await open(leaving.signal)];
    for (let count = 0; count < 5; count += 1) left.push(await open(leaving.signal));
    const ending = readToEnd(await open());
    const leavings = left.map((response) => response.text().catch(ignoreLeaving));
    await new Promise<void>((resolve) => {
      onAsked = resolve;
    });
    isLinked = false;
    const unboundAtMs = performance.now();
    leaving.abort();
    await Promise.all(leavings);
    const { text, endedAtMs } = await ending;
    expect(text).toMatch(/data: \{"error":\{[^\n]*"code":"forbidden"\}\}\n\n$/);
    expect(endedAtMs - unboundAtMs).toBeLessThan(PROMISE_MS);
  });
});

// It is what they were told to do.
function ignoreLeaving(): void {}

describe('linking in the chat, in workerd with the real middleware', () => {
  it('takes a PIN for what it is, and answers the next message at once', async () => {
    const orchestrator = createOrchestrator();
    const platform = await startPlatform(orchestrator.handle);
    const tenantId = await platform.newTenant('Orchard & Sons');
    const say = async (content: string) => {
      const body = { messages: [{ role: 'user', content }] };
      const response = await platform.ask(ENV.GATEWAY_API_KEY, 'POST', '/v1/chat/completions', { body, headers: IDENTITY });
      return (await expectStatus(200, response)).json();
    };
    const created = await platform.admin('POST', `/admin/tenants/${tenantId}/link-pins`, {});
    expect(created.headers.get('cache-control')).toBe('no-store');
    const { pin } = (await (await expectStatus(201, created)).json()) as { pin: string };
    expect(await say('hello')).toMatchObject({ rubot: { status: 'sender_unlinked' } });
    const wrong = pin === '000000' ? '000001' : '000000';
    expect(await say(wrong)).toMatchObject({ rubot: { status: 'sender_unlinked' } });
    const linked = await say(pin);
    expect(linked).toMatchObject({ rubot: { status: 'sender_linked', tenant_id: tenantId } });
    expect(JSON.stringify(linked)).toContain('Orchard & Sons');
    expect(await say('hello')).toEqual(COMPLETION);
    expect(await say(pin)).toEqual(COMPLETION);
    expect(platform.lines.join()).not.toContain(pin);
  });
});
