import { HEADERS } from '@rubot/contracts/headers';
import { IdempotencyKey } from '@rubot/contracts/ids';
import { RATE_LIMIT_HEADERS } from '@rubot/contracts/limits';
import { parseInput } from '@rubot/http/parse';
import type { Context, MiddlewareHandler } from 'hono';
import { z } from 'zod';
import type { GatewayEnv } from '../context.ts';

/** What a client may wish of a run, in rubot's own headers. */
export const WISHES = [HEADERS.onDisconnect, HEADERS.priority, HEADERS.memory, HEADERS.sessionStrategy] as const;

/**
 * Of a client's own headers, those that go on to the orchestrator: how it wants to read, or what it wants of a run. Which values
 * they may have, the orchestrator says.
 */
const FROM_CLIENT = {
  GET: ['accept', HEADERS.lastEventId],
  POST: [HEADERS.idempotencyKey, ...WISHES],
} as const;

/** Of the orchestrator's headers, those that go on to the client with an answer. */
const WITH_ANSWER = ['location', 'retry-after', HEADERS.idempotentReplayed, ...RATE_LIMIT_HEADERS] as const;
/** A refusal is written anew at the gateway, from what it says; that it is an old one, and where the caller stands, has no other place. */
const WITH_REFUSAL = [HEADERS.idempotentReplayed, ...RATE_LIMIT_HEADERS] as const;

/** workerd lets control characters through that Node's parser refuses, and the whole request with them. */
const Passable = z.string().regex(/^[\x20-\x7e]*$/, 'must be printable ASCII');

export type PassedHeaders = Readonly<Record<string, string>>;

/** What passes through the gateway of headers, both ways; every other header ends here. @throws RubotError `invalid_request` */
export function passHeaders(): MiddlewareHandler<GatewayEnv> {
  return async function passListedHeaders(c, next) {
    const { headers } = c.req.raw;
    const clientHeaders = pick(headers, c.req.method === 'POST' ? FROM_CLIENT.POST : FROM_CLIENT.GET);
    for (const [name, value] of Object.entries(clientHeaders))
      parseInput(name === HEADERS.idempotencyKey ? IdempotencyKey : Passable, value, name);
    c.set('clientHeaders', clientHeaders);
    await next();
    const answerHeaders = c.get('answerHeaders');
    if (answerHeaders === undefined) return;
    const passed = pick(answerHeaders, c.res.ok ? WITH_ANSWER : WITH_REFUSAL);
    for (const [name, value] of Object.entries(passed)) c.res.headers.set(name, value);
  };
}

/** To be called as soon as the orchestrator has answered, as its answer may be that of another run than the one just asked for. */
export function noteAnswer(c: Context<GatewayEnv>, headers: Headers): void {
  c.set('answerHeaders', headers);
  const runId = headers.get(HEADERS.runId) ?? undefined;
  // Of an orchestrator that names no run, none was begun; of what stands between, nobody knows.
  if (runId === undefined && !headers.has(HEADERS.apiVersion)) return;
  c.set('runId', runId);
  c.get('span').annotate({ run_id: runId });
}

function pick(headers: Headers, names: readonly string[]): PassedHeaders {
  const entries = names.flatMap((name) => {
    const value = headers.get(name);
    return value === null ? [] : [[name, value] as const];
  });
  return Object.fromEntries(entries);
}
