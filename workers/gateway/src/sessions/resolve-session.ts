import type { ResolveSessionRequest, ResolveSessionResponse } from '@rubot/contracts/sessions';
import { RubotError } from '@rubot/errors';
import { createDeadline, toReason } from '@rubot/http/deadline';
import { LRUCache } from 'lru-cache';
import type { CallContext, MiddlewareClient } from '../clients/middleware.ts';

export interface SessionResolver {
  /** @throws RubotError `forbidden` for a session that belongs to another sender */
  resolve(request: ResolveSessionRequest, context: CallContext): Promise<ResolveSessionResponse>;
  /** As above, from no memory: what was unbound a moment ago, here or in another isolate, is unbound. */
  resolveAnew(request: ResolveSessionRequest, context: CallContext): Promise<ResolveSessionResponse>;
  /** Called when a sender's binding changes here; other isolates follow within the life of their entries. */
  forgetSender(senderId: string): void;
}

/** Also the time within which unbinding a sender takes effect everywhere. */
const LIFE_MS = 5_000;
const MAX_ENTRIES = 10_000;

type SessionSource = Pick<MiddlewareClient, 'resolveSession'>;

interface Entry {
  readonly senderId: string;
  readonly response: ResolveSessionResponse;
}

/** A completion may take minutes; who asks for it must be known in moments. */
const ASK_TIMEOUT_MS = 3_000;

async function askWithinTime(
  middleware: SessionSource,
  request: ResolveSessionRequest,
  context: CallContext,
): Promise<ResolveSessionResponse> {
  const asking = createDeadline({ timeoutMs: ASK_TIMEOUT_MS, callerSignal: context.deadline.signal });
  try {
    return await middleware.resolveSession(request, { ...context, deadline: asking });
  } catch (thrown) {
    if (!asking.signal.aborted || context.deadline.signal.aborted) throw toReason(thrown, context.deadline);
    throw new RubotError('unavailable', 'It could not be found out in time who speaks. Try again in a moment.', {
      cause: thrown,
      retryAfterMs: 1_000,
    });
  } finally {
    asking.clear();
  }
}

/** Remembers linked senders alone: one who has just been linked must not wait for a memory of the contrary to fade. */
export function createSessionResolver(middleware: SessionSource): SessionResolver {
  // ttlResolution 0: the cache would otherwise keep its clock by a timer, and workerd drops timers with the request that set them.
  const entries = new LRUCache<string, Entry>({ max: MAX_ENTRIES, ttl: LIFE_MS, ttlResolution: 0, perf: Date });

  async function resolveAnew(request: ResolveSessionRequest, context: CallContext): Promise<ResolveSessionResponse> {
    const response = await askWithinTime(middleware, request, context);
    if (response.status === 'linked') entries.set(toKey(request), { senderId: request.sender_id, response });
    else entries.delete(toKey(request));
    return response;
  }

  return {
    async resolve(request, context) {
      return entries.get(toKey(request))?.response ?? resolveAnew(request, context);
    },
    resolveAnew,
    forgetSender(senderId) {
      for (const [key, entry] of entries.entries()) if (entry.senderId === senderId) entries.delete(key);
    },
  };
}

function toKey({ sender_id, session_id }: ResolveSessionRequest): string {
  return `${sender_id}\n${session_id}`;
}
