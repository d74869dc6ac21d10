import { HEADERS } from '@rubot/contracts/headers';
import { newRunId } from '@rubot/http/run-id';
import type { FakeAgent } from '@rubot/testkit/fake-agent';
import type { ModelExchange } from '@rubot/testkit/model-upstream';
import { vi } from 'vitest';
import type { DatabaseOfTest } from './_database.ts';
import { ask, gatewayHeaders, type Orchestrator } from './_harness.ts';

// Several processes and their database share a machine that is busy with other tests.
vi.setConfig({ testTimeout: 60_000 });

export interface Sending {
  readonly runId?: string;
  readonly tenantId?: string;
  readonly senderId?: string;
  readonly sessionId?: string;
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Headers of one more request, which has a run id of its own. */
export function headersOf({ runId = newRunId(), tenantId, senderId, sessionId, key, headers = {} }: Sending = {}): Record<string, string> {
  const named = {
    [HEADERS.runId]: runId,
    [HEADERS.tenantId]: tenantId,
    [HEADERS.senderId]: senderId,
    [HEADERS.sessionId]: sessionId,
    [HEADERS.idempotencyKey]: key,
  };
  const given = Object.entries(named).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { ...Object.fromEntries(given), ...headers };
}

/** `POST /v1/runs` */
export function postRun({ url }: Pick<Orchestrator, 'url'>, body: unknown, sending: Sending = {}): Promise<Response> {
  return fetch(`${url}/v1/runs`, {
    method: 'POST',
    headers: { ...gatewayHeaders(), ...headersOf(sending) },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

/** Begins a run for which nobody waits. @returns its id */
export async function startRun(orchestrator: Pick<Orchestrator, 'url'>, question: string, sending: Sending = {}): Promise<string> {
  const runId = sending.runId ?? newRunId();
  const response = await postRun(orchestrator, ask(question), { ...sending, runId });
  if (response.status !== 202) throw new Error(`status ${response.status}: ${await response.text()}`);
  await response.body?.cancel();
  return runId;
}

/** Resolves when so many runs, all of them by default, have this status. */
export async function untilStatus(database: DatabaseOfTest, status: string, count?: number): Promise<void> {
  await vi.waitFor(
    async () => {
      const rows = await database.query<{ status: string }>('SELECT status FROM runs');
      const found = rows.filter((row) => row.status === status).length;
      if (found !== (count ?? rows.length)) throw new Error(`${found} runs are ${status}: ${rows.map((row) => row.status).join()}`);
    },
    { timeout: 30_000, interval: 20 },
  );
}

/** How many rows are in each table in which an accepted request leaves something. */
export async function countRows(database: DatabaseOfTest): Promise<Record<string, number>> {
  const [counts] = await database.query<Record<string, number>>(`SELECT (SELECT count(*) FROM runs)::integer AS runs,
    (SELECT count(*) FROM run_events)::integer AS events, (SELECT count(*) FROM idempotency_keys)::integer AS keys,
    (SELECT count(*) FROM sessions)::integer AS sessions, (SELECT count(*) FROM pgboss.job)::integer AS tickets`);
  if (counts === undefined) throw new TypeError('a count is always one row');
  return counts;
}

/** What the user said last, as the agent was told. */
export function questionOf({ body }: ModelExchange): string {
  const messages = body['messages'] as { role: string; content: string }[];
  return messages.findLast(({ role }) => role === 'user')?.content ?? '';
}

export interface BusyAgent {
  /** What was asked, in the order in which it was begun. */
  readonly begun: readonly string[];
  /** The most that it was asked at a time, of all and of those that `kindOf` puts together. */
  peak(kind?: string): number;
}

export interface BusyOptions {
  /** Answers none before it is asked so many at a time. */
  readonly together?: number;
  /** What is counted together. */
  readonly kindOf?: (exchange: ModelExchange) => string;
}

const THINKING_MS = 15;

/** Has the agent take a moment for each answer, and counts how many it is asked for at a time. */
export function keepBusy(agent: FakeAgent, { together = 1, kindOf = () => '' }: BusyOptions = {}): BusyAgent {
  const begun: string[] = [];
  const active = new Map<string, number>();
  const peaks = new Map<string, number>();
  const { promise: areTogether, resolve } = Promise.withResolvers<void>();

  function count(kind: string, change: number): void {
    const now = (active.get(kind) ?? 0) + change;
    active.set(kind, now);
    peaks.set(kind, Math.max(peaks.get(kind) ?? 0, now));
  }

  agent.onCompletion(async (exchange) => {
    const kinds = new Set(['', kindOf(exchange)]);
    begun.push(questionOf(exchange));
    for (const kind of kinds) count(kind, 1);
    if ((active.get('') ?? 0) >= together) resolve();
    await areTogether;
    await new Promise((wake) => setTimeout(wake, THINKING_MS));
    for (const kind of kinds) count(kind, -1);
    exchange.answer({ text: `answer to ${questionOf(exchange)}` });
  });
  return { begun, peak: (kind = '') => peaks.get(kind) ?? 0 };
}

export interface Hearing {
  /** Resolves when this was said; with all that was. */
  until(words: string): Promise<string>;
  toEnd(): Promise<string>;
}

/** Reads a stream as it comes. */
export function createHearing({ body }: Response): Hearing {
  if (body === null) throw new TypeError('the answer has no body');
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let heard = '';

  async function hear(): Promise<boolean> {
    const { done, value = '' } = await reader.read();
    heard += value;
    return !done;
  }

  return {
    async until(words) {
      while (!heard.includes(words)) if (!(await hear())) throw new Error(`the stream ended without "${words}": ${heard}`);
      return heard;
    },
    async toEnd() {
      while (await hear());
      return heard;
    },
  };
}
