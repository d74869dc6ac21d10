import { HEADERS } from '@rubot/contracts/headers';
import { modelOfAgent } from '@rubot/contracts/models';
import { newRunId } from '@rubot/http/run-id';
import { AGENT_ID } from '../agent/start-agents.ts';
import type { Task } from '../agent/task.ts';
import { type Sender, toHopHeaders } from '../world/hop.ts';

/** A run that somebody wants, under the id and the key by which it is one however often it is asked for. */
export interface WantedRun extends Sender {
  readonly runId: string;
  readonly task: Task;
}

/** How long all attempts of a run may take together; no nemesis means to try that. */
const TIMEOUT_MS = 600_000;

const SENDERS: readonly Sender[] = ['acme', 'beta', 'gamma', 'delta'].map((tenantId) => ({ tenantId, senderId: `sender-of-${tenantId}` }));

export function toWantedRun(number: number, task: Task): WantedRun {
  const sender = SENDERS[number % SENDERS.length];
  if (sender === undefined) throw new TypeError('there are senders');
  return { ...sender, runId: newRunId(), task };
}

/**
 * What became of it: `accepted` is a promise that the run comes to an end; `refused` says that there is none; where the
 * answer never came, nobody knows.
 */
export type Acceptance = 'accepted' | 'refused' | 'unknown';

const ANSWER_TIMEOUT_MS = 15_000;

/** One `POST /v1/runs`. `onAccepted` is called the moment that the 202 is there. */
export async function postRun(url: string, wanted: WantedRun, onAccepted: () => void = () => {}): Promise<Acceptance> {
  try {
    const response = await fetch(`${url}/v1/runs`, {
      method: 'POST',
      headers: {
        ...toHopHeaders(wanted),
        'content-type': 'application/json',
        [HEADERS.runId]: wanted.runId,
        [HEADERS.idempotencyKey]: `key-of-${wanted.runId}`,
        [HEADERS.timeoutMs]: String(TIMEOUT_MS),
      },
      body: JSON.stringify({ model: modelOfAgent(AGENT_ID), messages: [{ role: 'user', content: JSON.stringify(wanted.task) }] }),
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    const isAccepted = response.status === 202;
    if (isAccepted) onAccepted();
    // What follows the status changes nothing, nor does its failure to come.
    await response.arrayBuffer().catch(() => {});
    return isAccepted ? 'accepted' : 'refused';
  } catch {
    return 'unknown';
  }
}
