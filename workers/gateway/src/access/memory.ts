import { RubotError } from '@rubot/errors';
import { createDeadline, toReason } from '@rubot/http/deadline';
import { LRUCache } from 'lru-cache';
import type { CallContext } from '../clients/middleware.ts';
import { waitFor } from '../wait-for.ts';

/** How long what the middleware said is believed: with it, the time in which every end of access is seen by new requests. */
export const LIFE_MS = 2_500;
const MAX_ENTRIES = 10_000;
/** A completion may take minutes; who asks for it must be known in moments. */
const ASK_TIMEOUT_MS = 3_000;
/** One that goes on has time to try again. */
const ASK_AGAIN_TIMEOUT_MS = 1_000;

export interface Known<Answer> {
  readonly answer: Answer;
  /** What was so at that moment at the latest. */
  readonly askedAtMs: number;
}

export interface MemoryOptions<Question, Answer> {
  readonly ask: (question: Question, context: CallContext) => Promise<Answer>;
  readonly toKey: (question: Question) => string;
  /** Kept apart from those that open nothing, so that whoever asks for much that is not there drives out nobody who is. */
  readonly isGood: (answer: Answer) => boolean;
  /** Whether a new request is refused from memory too. */
  readonly refusesFromMemory: boolean;
}

/** What is asked of the middleware with every request, remembered for moments in this isolate. */
export interface Memory<Question, Answer> {
  ask(question: Question, context: CallContext): Promise<Answer>;
  /** From no memory: what was ended a moment ago, here or in another isolate, has ended. */
  askAnew(question: Question, context: CallContext): Promise<Answer>;
  /** For what goes on for long: many who want to know at one time ask once, and share what they are told. */
  askAgain(question: Question, context: CallContext): Promise<Known<Answer>>;
  /** Called when something changes here; other isolates follow within the life of their entries. */
  forget(matches: (answer: Answer, question: Question) => boolean): void;
}

interface Entry<Question, Answer> extends Known<Answer> {
  readonly question: Question;
}

interface Asking<Answer> {
  readonly answer: Promise<Known<Answer>>;
  readonly untilMs: number;
}

export function createMemory<Question, Answer>(options: MemoryOptions<Question, Answer>): Memory<Question, Answer> {
  const { toKey, isGood, refusesFromMemory } = options;
  const good = createCache<Entry<Question, Answer>>();
  const bad = createCache<Entry<Question, Answer>>();
  const asking = new Map<string, Asking<Answer>>();

  async function askWithin(timeoutMs: number, question: Question, context: CallContext): Promise<Known<Answer>> {
    const askedAtMs = Date.now();
    const answer = await askInTime(options.ask, timeoutMs, question, context);
    const key = toKey(question);
    const [goes, stays] = isGood(answer) ? [bad, good] : [good, bad];
    goes.delete(key);
    stays.set(key, { question, answer, askedAtMs }, { start: askedAtMs });
    return { answer, askedAtMs };
  }

  function begin(key: string, question: Question, context: CallContext): Promise<Known<Answer>> {
    const answer = askWithin(ASK_AGAIN_TIMEOUT_MS, question, context);
    const own = { answer, untilMs: Date.now() + ASK_AGAIN_TIMEOUT_MS };
    asking.set(key, own);
    return answer.finally(() => {
      if (asking.get(key) === own) asking.delete(key);
    });
  }

  return {
    async ask(question, context) {
      const key = toKey(question);
      const known = good.get(key) ?? (refusesFromMemory ? bad.get(key) : undefined);
      return known?.answer ?? (await askWithin(ASK_TIMEOUT_MS, question, context)).answer;
    },
    async askAnew(question, context) {
      return (await askWithin(ASK_TIMEOUT_MS, question, context)).answer;
    },
    async askAgain(question, context) {
      const key = toKey(question);
      for (;;) {
        const known = good.get(key) ?? bad.get(key);
        if (known !== undefined) return known;
        const other = asking.get(key);
        if (other === undefined || Date.now() >= other.untilMs) return begin(key, question, context);
        const told = await waitFor(other.answer, other.untilMs - Date.now());
        if (told !== undefined) return told;
      }
    },
    forget(matches) {
      for (const cache of [good, bad]) {
        for (const [key, { answer, question }] of cache.entries()) if (matches(answer, question)) cache.delete(key);
      }
    },
  };
}

function createCache<Value extends object>(): LRUCache<string, Value> {
  // ttlResolution 0: the cache would otherwise keep its clock by a timer, and workerd drops timers with the request that set them.
  return new LRUCache<string, Value>({ max: MAX_ENTRIES, ttl: LIFE_MS, ttlResolution: 0, perf: Date });
}

async function askInTime<Question, Answer>(
  ask: MemoryOptions<Question, Answer>['ask'],
  timeoutMs: number,
  question: Question,
  context: CallContext,
): Promise<Answer> {
  const deadline = createDeadline({ timeoutMs, callerSignal: context.deadline.signal });
  try {
    return await ask(question, { ...context, deadline });
  } catch (thrown) {
    if (!deadline.signal.aborted || context.deadline.signal.aborted) throw toReason(thrown, context.deadline);
    throw new RubotError('unavailable', 'It could not be found out in time who speaks. Try again in a moment.', {
      cause: thrown,
      retryAfterMs: 1_000,
    });
  } finally {
    deadline.clear();
  }
}
