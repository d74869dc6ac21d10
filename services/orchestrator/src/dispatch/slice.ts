import type { SliceBrief } from '@rubot/contracts/agent';
import type { PendingToolCall } from '@rubot/contracts/chat-response';
import { RubotError } from '@rubot/errors';
import type { PlannedSlice } from '../planning/plan.ts';
import type { Run } from '../runs/run.ts';
import type { AnswerPart } from './answer.ts';
import type { AgentClientOptions } from './call-agent.ts';
import { abandoned, relaySlice } from './relay-slice.ts';
import { createSliceAccount, type SliceTotal } from './slice-account.ts';
import { createSliceJournal } from './slice-journal.ts';

/** `requires_action`: calls of it wait for a person. `waiting`: it builds on a slice of which that is so, and was not begun. */
export type SliceStatus = 'completed' | 'failed' | 'skipped' | 'requires_action' | 'waiting';

/** How a slice ended, whatever of its text has already been passed on. */
export interface SliceOutcome extends SliceTotal {
  readonly slice: PlannedSlice;
  readonly status: SliceStatus;
  readonly error: RubotError | undefined;
  /** What a person has to decide before it goes on. */
  readonly pendingCalls: readonly PendingToolCall[];
}

/** What came of the slices that a slice depends on. */
export type Preparation =
  | { readonly status: 'ready'; readonly brief: SliceBrief | undefined }
  | { readonly status: 'skipped'; readonly reason: RubotError }
  | { readonly status: 'waiting' };

export interface SliceWork {
  readonly run: Run;
  readonly slice: PlannedSlice;
  /** Resolves once the slices it depends on have ended. */
  readonly prepare: () => Promise<Preparation>;
  readonly client: AgentClientOptions;
  /** Called once, when the slice has ended. */
  readonly onEnd: (outcome: SliceOutcome) => void;
}

/** The parts of one slice's answer. It never throws: how it ended is told by `onEnd`. */
export async function* streamSlice({ run, slice, prepare, client, onEnd }: SliceWork): AsyncGenerator<AnswerPart, void, undefined> {
  const span = run.span.child({ event: 'slice.completed', name: `slice ${slice.id} ${slice.agent.id}`, kind: 'internal' });
  const account = createSliceAccount();
  const journal = createSliceJournal(run, slice);
  let status: SliceStatus = 'failed';
  let error: RubotError | undefined = abandoned();
  let pendingCalls: readonly PendingToolCall[] = [];
  try {
    const preparation = await prepare();
    if (preparation.status === 'ready') {
      pendingCalls = yield* relaySlice({ run, slice, brief: preparation.brief, client, span, account, journal });
      status = pendingCalls.length > 0 ? 'requires_action' : 'completed';
    } else {
      status = preparation.status;
    }
    error = preparation.status === 'skipped' ? preparation.reason : undefined;
  } catch (thrown) {
    // Whatever failed, the steps that are on record have been done.
    error = journal.isEmpty ? RubotError.from(thrown) : RubotError.from(thrown).toFinal();
  } finally {
    const outcome: SliceOutcome = { slice, status, error, pendingCalls, ...account.total() };
    span.end({
      ...(status === 'failed' ? { error } : {}),
      extra: { agent_id: slice.agent.id, slice_id: slice.id, status, output_tokens: outcome.usage.completion_tokens },
    });
    onEnd(outcome);
  }
}
