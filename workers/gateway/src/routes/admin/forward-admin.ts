import { readJsonBody } from '@rubot/http/body';
import { parseInput } from '@rubot/http/parse';
import type { Context, Handler } from 'hono';
import type { z } from 'zod';
import { toActor } from '../../access/authority.ts';
import type { AdminCall } from '../../clients/middleware.ts';
import type { GatewayEnv } from '../../context.ts';
import type { GatewayDeps } from '../../deps.ts';
import { withinDeadline } from '../../within-deadline.ts';

/** What a request to administer brings and gets. The middleware has the state and the audit; here its shape is checked, and who asks. */
export interface AdminRoute {
  readonly query?: z.ZodType<Record<string, unknown>>;
  readonly body?: z.ZodType<Record<string, unknown>>;
  /** Absent: 204. */
  readonly answer?: z.ZodType;
  /** In the middleware, where it is not the same under `/internal`. */
  readonly path?: (c: Context<GatewayEnv>) => string;
  /** Of a POST: sent twice, it has the effect of once. */
  readonly isIdempotent?: boolean;
  /** What goes on, where it is not what the client sent. @throws RubotError for what this caller may not ask */
  readonly complete?: (c: Context<GatewayEnv>, request: AdminInput) => AdminInput | Promise<AdminInput>;
  /** Once it has been done. */
  readonly onDone?: (c: Context<GatewayEnv>, status: number) => void;
}

export interface AdminInput {
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: Readonly<Record<string, unknown>> | undefined;
}

/** Nothing of it is kept by anybody on the way: some of it is a secret that is told once. */
const HEADERS_OF_ANSWER = { 'cache-control': 'no-store' };

/** Lets a request under `/admin` go on to the middleware: the same path under `/internal`, in the name of whoever asks. */
export function createAdminForwarder(deps: GatewayDeps): (route?: AdminRoute) => Handler<GatewayEnv> {
  const { config, middleware } = deps;

  return (route = {}) =>
    async function forwardAdmin(c) {
      const input = await readInput(c, route, config.maxBodyBytes);
      const call = toAdminCall(c, route, (await route.complete?.(c, input)) ?? input);
      const { answer } = route;
      if (answer === undefined) {
        await withinDeadline(c, config.requestTimeoutMs, (context) => middleware.administerWithoutAnswer(call, context));
        route.onDone?.(c, 204);
        return c.body(null, 204);
      }
      const { status, value } = await withinDeadline(c, config.requestTimeoutMs, (context) => middleware.administer(call, answer, context));
      route.onDone?.(c, status);
      return Response.json(value, { status, headers: HEADERS_OF_ANSWER });
    };
}

async function readInput(c: Context<GatewayEnv>, { query, body }: AdminRoute, maxBytes: number): Promise<AdminInput> {
  return {
    query: query === undefined ? {} : parseInput(query, c.req.query()),
    body: body === undefined ? undefined : parseInput(body, (await readJsonBody(c.req.raw, { maxBytes })).value),
  };
}

export function toAdminCall(c: Context<GatewayEnv>, route: AdminRoute, { query, body }: AdminInput): AdminCall {
  // Whoever asks for the head alone is answered by the same handler, and what it says is left out behind it.
  const method = c.req.method === 'HEAD' ? 'GET' : (c.req.method as AdminCall['method']);
  const path = route.path?.(c) ?? new URL(c.req.url).pathname.replace(/^\/admin/, '/internal');
  return {
    actor: toActor(c.get('authority')),
    method,
    target: `${path}${toSearch(query)}`,
    ...(body === undefined ? {} : { body }),
    isIdempotent: method !== 'POST' || route.isIdempotent === true,
  };
}

function toSearch(query: AdminInput['query']): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return search === '' ? '' : `?${search}`;
}
