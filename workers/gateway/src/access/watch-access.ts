import { RubotError } from '@rubot/errors';
import type { Deadline } from '@rubot/http/deadline';
import type { Context } from 'hono';
import type { CallContext } from '../clients/middleware.ts';
import type { GatewayEnv } from '../context.ts';
import type { GatewayDeps } from '../deps.ts';
import { requireSameTenant } from '../sessions/resolve-caller.ts';
import { toActive } from './credential.ts';
import { LIFE_MS } from './memory.ts';

/** After a question that was not answered, and before the first: what is younger than its life is read from memory. */
const SHORT_PAUSE_MS = 500;
/** How long an answer goes on whose caller nobody can say anything of. The promise of five seconds has no "unless". */
const TRUST_MS = 5_000;

/**
 * Asks, while a caller is being answered, whether it may still be, and ends the work under the deadline once it may not: with
 * `forbidden`, `invalid_api_key`, or `unavailable` where that cannot be found out.
 *
 * @returns what stops the watch
 */
export function watchAccess(c: Context<GatewayEnv>, deps: GatewayDeps, deadline: Deadline): () => void {
  const context = { span: c.get('span'), deadline };
  let knownAtMs = Date.now();
  let isWatched = true;
  let timer = setTimeout(check, SHORT_PAUSE_MS);

  async function check(): Promise<void> {
    try {
      knownAtMs = await askAgain(c, deps, context);
      schedule(Math.max(SHORT_PAUSE_MS, knownAtMs + LIFE_MS + 1 - Date.now()));
    } catch (thrown) {
      const error = RubotError.from(thrown);
      if (!isWatched) return;
      if (ENDS.has(error.code)) deadline.abort(error);
      else if (Date.now() >= knownAtMs + TRUST_MS) deadline.abort(toUnknown(error));
      else schedule(SHORT_PAUSE_MS);
    }
  }

  function schedule(pauseMs: number): void {
    if (isWatched && !deadline.signal.aborted) timer = setTimeout(check, pauseMs);
  }

  return () => {
    isWatched = false;
    clearTimeout(timer);
  };
}

const ENDS: ReadonlySet<string> = new Set(['forbidden', 'invalid_api_key']);

/** When it was known at the latest that the caller has access. @throws RubotError `forbidden`, `invalid_api_key` once it has none */
async function askAgain(c: Context<GatewayEnv>, { sessions, tokens }: GatewayDeps, context: CallContext): Promise<number> {
  const tenantId = c.get('tenantId');
  // Nobody is answered before it is known who speaks.
  if (tenantId === undefined) return Date.now();
  const authority = c.get('authority');
  if (authority.kind !== 'token') {
    const session = await sessions.askAgain(c.get('identity'), context);
    requireSameTenant(session.answer, tenantId);
    return session.askedAtMs;
  }
  if (Date.now() >= authority.endsAtMs) throw new RubotError('invalid_api_key', 'The credential of this request has expired.');
  const [session, token] = await Promise.all([sessions.askAgain(c.get('identity'), context), tokens.askAgain(authority.question, context)]);
  toActive(token.answer);
  requireSameTenant(session.answer, tenantId);
  return Math.min(session.askedAtMs, token.askedAtMs);
}

function toUnknown(cause: RubotError): RubotError {
  return new RubotError(
    'unavailable',
    'Whether the caller still has access could not be found out. Ask again, or read on where it is a run.',
    {
      cause,
      // What was asked for may have begun.
      retryable: false,
    },
  );
}
