import type { Caller } from '../routes/caller.ts';

/** Stands for what the caller did not name: an agent can be asked outside of a plan, and its own tools outside of a run. */
const WHOLE_RUN = 'run';

/** The same for a call whoever makes it and however often: ids of calls are unique in a conversation. */
export function toIdempotencyKey({ runId, sliceId }: Caller, toolCallId: string): string {
  return `${runId ?? crypto.randomUUID()}/${sliceId ?? WHOLE_RUN}/${toolCallId}`;
}
