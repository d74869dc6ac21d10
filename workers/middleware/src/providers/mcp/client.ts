import { Client, type PriorDiscovery, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { Upstream } from '../connected/upstream.ts';
import type { GuardedCall } from '../outbound/guarded-fetch.ts';

export interface McpSession {
  readonly client: Client;
  /** To skip the negotiation with next time. */
  readonly dialect: PriorDiscovery;
}

export interface McpCall extends GuardedCall {
  /** Found out before; `undefined`: the server is asked. */
  readonly dialect?: PriorDiscovery | undefined;
}

/** Of tools: a server that lists them without end is not listened to. */
const MAX_LIST_PAGES = 20;
const CLIENT = { name: 'rubot', version: '1' };
/** Somewhat longer than a guarded request: its own words are better. */
const TIMEOUT_MS = 26_000;

/** Speaks with an MCP server over Streamable HTTP for one piece of work, as no Worker keeps a connection from one request to the next. */
export async function withMcpClient<Result>(
  upstream: Upstream,
  { dialect, ...call }: McpCall,
  work: (session: McpSession, options: { timeout: number }) => Promise<Result>,
): Promise<Result> {
  const transport = new StreamableHTTPClientTransport(new URL(upstream.url), {
    fetch: (url, init) => passOn(upstream, call, String(url), init),
    // What broke off is told, and not taken up again behind the back of who records effects.
    reconnectionOptions: { maxRetries: 0, initialReconnectionDelay: 1_000, maxReconnectionDelay: 1_000, reconnectionDelayGrowFactor: 1 },
  });
  const client = new Client(CLIENT, {
    capabilities: {},
    versionNegotiation: { mode: 'auto' },
    inputRequired: { autoFulfill: false },
    listMaxPages: MAX_LIST_PAGES,
  });
  const options = { timeout: TIMEOUT_MS };
  try {
    await client.connect(transport, { ...options, ...(dialect === undefined ? {} : { prior: dialect }) });
    return await work({ client, dialect: toDialect(client) }, options);
  } finally {
    await transport.terminateSession().catch(ignoreGoneServer);
    await client.close().catch(ignoreGoneServer);
  }
}

function toDialect(client: Client): PriorDiscovery {
  const discover = client.getDiscoverResult();
  return discover === undefined ? { kind: 'legacy' } : { kind: 'modern', discover };
}

/** The guarded way out. Messages that a server sends unasked are not listened for: nobody would hear them. */
async function passOn(upstream: Upstream, { signal, onSend }: GuardedCall, url: string, init: RequestInit | undefined): Promise<Response> {
  const { method = 'GET', headers, body, signal: clientSignal } = init ?? {};
  if (method === 'GET') return new Response(null, { status: 405 });
  const text = typeof body === 'string' ? body : null;
  const signals = [signal, clientSignal].filter((given) => given !== undefined && given !== null);
  return upstream.fetch(
    { url, method, headers: new Headers(headers), body: text },
    {
      ...(signals.length === 0 ? {} : { signal: AbortSignal.any(signals) }),
      ...(onSend !== undefined && isToolCall(text) ? { onSend } : {}),
    },
  );
}

/** Of the messages of a session the one that can have an effect. */
function isToolCall(body: string | null): boolean {
  return body !== null && (JSON.parse(body) as { method?: unknown }).method === 'tools/call';
}

// It has answered what it was asked; that it cannot be told goodbye takes nothing from that.
function ignoreGoneServer(): void {}
