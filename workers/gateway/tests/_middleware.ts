import { hashToken, makeApiToken } from '@rubot/bearer/api-token';
import type { FetchLike, UpstreamInit } from '@rubot/http/upstream';
import { createHarness, type GatewayHarness, type HarnessOptions } from './_harness.ts';

export const TOKEN_ID = `tok_${'0a'.repeat(12)}`;
export const TOKEN_SENDER = `token:${TOKEN_ID}`;

export interface KnownToken {
  status: 'active' | 'revoked' | 'expired';
  readonly token_id: string;
  readonly tenant_id: string;
  scopes: readonly string[];
  limits: Record<string, number>;
  expires_at: string;
}

export interface AuditNote {
  readonly actor: string | undefined;
  readonly chain: string;
  readonly action: string;
  readonly target: string;
  readonly outcome: string;
  readonly details: Record<string, unknown>;
}

/** A middleware that knows what the test has told it, by sender and by token. */
export interface FakeMiddleware {
  readonly fetch: FetchLike;
  readonly tenantOf: Map<string, string>;
  readonly limitsOf: Map<string, Record<string, number>>;
  readonly audit: AuditNote[];
  /** Answers before all else, where it answers. */
  intercept: ((path: string, init: UpstreamInit) => Promise<Response | undefined> | Response | undefined) | undefined;
  addToken(token?: Partial<KnownToken>): Promise<{ readonly text: string; readonly known: KnownToken }>;
}

function createFakeMiddleware(): FakeMiddleware {
  const byHash = new Map<string, KnownToken>();
  const tenantOf = new Map([['+15550100', 'acme']]);
  const limitsOf = new Map<string, Record<string, number>>();
  const audit: AuditNote[] = [];

  function resolveToken(question: { hash?: string; token_id?: string }): Response {
    const known =
      question.hash === undefined ? [...byHash.values()].find(({ token_id }) => token_id === question.token_id) : byHash.get(question.hash);
    if (known === undefined) return Response.json({ status: 'unknown' });
    return Response.json(known.status === 'active' ? known : { status: known.status });
  }

  function resolveSession({ sender_id: senderId, tenant_id: asked }: { sender_id: string; tenant_id?: string }): Response {
    const tenantId = tenantOf.get(senderId);
    if (tenantId === undefined || (asked !== undefined && asked !== tenantId)) return Response.json({ status: 'unlinked' });
    return Response.json({ status: 'linked', tenant_id: tenantId, allowed_agents: null, limits: limitsOf.get(tenantId) ?? {} });
  }

  const fake: FakeMiddleware = {
    tenantOf,
    limitsOf,
    audit,
    intercept: undefined,
    async fetch(url, init) {
      const { pathname } = new URL(url);
      const intercepted = await fake.intercept?.(pathname, init);
      if (intercepted !== undefined) return intercepted;
      const body = typeof init.body === 'string' ? JSON.parse(init.body) : undefined;
      if (pathname === '/internal/tokens/resolve') return resolveToken(body);
      if (pathname === '/internal/sessions/resolve') return resolveSession(body);
      if (pathname === '/internal/audit') {
        audit.push({ actor: init.headers['x-rubot-actor'], ...body });
        return new Response(null, { status: 204 });
      }
      return new Response('no such route in this fake', { status: 404 });
    },
    async addToken(token = {}) {
      const text = makeApiToken();
      const known: KnownToken = {
        status: 'active',
        token_id: TOKEN_ID,
        tenant_id: 'acme',
        scopes: ['chat:write'],
        limits: {},
        expires_at: new Date(Date.now() + 3_600_000).toISOString(),
        ...token,
      };
      byHash.set(await hashToken(text), known);
      tenantOf.set(`token:${known.token_id}`, known.tenant_id);
      return { text, known };
    },
  };
  return fake;
}

export interface FakePlatform {
  readonly gateway: GatewayHarness;
  readonly middleware: FakeMiddleware;
}

export async function createFakePlatform(options: HarnessOptions = {}): Promise<FakePlatform> {
  const middleware = createFakeMiddleware();
  return { middleware, gateway: await createHarness({ ...options, middleware: middleware.fetch }) };
}

/** With any credential, and with no header that says who speaks unless the test sets it. */
export function askWith(
  gateway: GatewayHarness,
  credential: string,
  method: string,
  path: string,
  options: AskWithOptions = {},
): Promise<Response> {
  const { body, headers = {}, signal } = options;
  return gateway.request(path, {
    method,
    headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  });
}

export interface AskWithOptions {
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

export async function refusalOf(asking: Promise<Response>): Promise<readonly [number, string]> {
  const response = await asking;
  const body = (await response.json()) as { error?: { code: string } };
  return [response.status, body.error?.code ?? 'none'];
}
