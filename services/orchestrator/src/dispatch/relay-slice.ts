import type { SliceBrief } from '@rubot/contracts/agent';
import type { PendingToolCall } from '@rubot/contracts/chat-response';
import { RubotError } from '@rubot/errors';
import { type Deadline, toReason } from '@rubot/http/deadline';
import type { Span } from '@rubot/logging/span';
import type { PlannedSlice } from '../planning/plan.ts';
import type { DataBearer, Run } from '../runs/run.ts';
import { readAgentStream } from './agent-stream.ts';
import type { AnswerPart } from './answer.ts';
import { type AgentAnswer, type AgentClientOptions, callAgent } from './call-agent.ts';
import { type HeldCall, isUndecided } from './held-calls.ts';
import type { Standing } from './replay.ts';
import type { SliceAccount } from './slice-account.ts';
import type { SliceJournal } from './slice-journal.ts';

export interface SliceRelay {
  readonly run: Run;
  readonly slice: PlannedSlice;
  readonly brief: SliceBrief | undefined;
  readonly client: AgentClientOptions;
  readonly span: Span;
  readonly account: SliceAccount;
  readonly journal: SliceJournal;
}

/** An agent is asked again for each step with calls that it holds; far beyond any answer, it is one that never ends. */
const MAX_CALLS = 256;

/**
 * What one agent says, call by call, until its answer is over or waits for a person: then the calls that it waits for are
 * returned.
 *
 * @throws RubotError the agent's; `upstream_failed` for one that never comes to an end; what `Run.freshBearer` throws
 */
export async function* relaySlice(relay: SliceRelay): AsyncGenerator<AnswerPart, readonly PendingToolCall[], undefined> {
  const { run, slice, account, journal } = relay;
  const replay = journal.replay();
  yield* account.replay(replay);
  let standing = replay.standing;
  for (let callCount = 0; standing.status !== 'over'; callCount += 1) {
    const held = standing.status === 'held' ? standing.calls : undefined;
    const undecided = (held ?? []).filter((call) => isUndecided(call, run.decisions));
    if (undecided.length > 0) return undecided.map((call) => toPendingCall(call, slice));
    if (callCount === MAX_CALLS) throw endless(slice);
    account.beginCall();
    standing = yield* relayCall(relay, held);
  }
  return [];
}

function toPendingCall({ call }: HeldCall, { id, agent }: PlannedSlice): PendingToolCall {
  const { name, arguments: input } = call.function;
  return { tool_call_id: call.id, name, arguments: input, slice_id: id, agent_id: agent.id };
}

/** One call of the agent. Returns where the slice stands behind it. */
async function* relayCall(relay: SliceRelay, held: readonly HeldCall[] | undefined): AsyncGenerator<AnswerPart, Standing, undefined> {
  const { run, slice, brief, client, span, journal } = relay;
  const connection = new AbortController();
  const deadline: Deadline = { ...run.deadline, signal: AbortSignal.any([run.deadline.signal, connection.signal]) };
  const answer = await callAgent({ run, slice, brief, journal: journal.messages, held, span, deadline }, client);
  let failure: RubotError | undefined = abandoned();
  try {
    const standing = yield* readAnswer(relay, answer, () => connection.abort());
    answer.span.end({ extra: { status: answer.response.status } });
    failure = undefined;
    return standing;
  } catch (thrown) {
    failure = RubotError.from(toReason(thrown, run.deadline));
    answer.span.end({ error: failure });
    // The agent had begun: its model was asked, and its tools may have done something.
    throw failure.toFinal();
  } finally {
    // What ended the run, its database or its client, says nothing of the agent.
    answer.end(failure !== undefined && run.deadline.signal.aborted ? abandoned() : failure);
  }
}

async function* readAnswer(
  { run, account, journal }: SliceRelay,
  { body, peer, bearer }: AgentAnswer,
  release: () => void,
): AsyncGenerator<AnswerPart, Standing, undefined> {
  let standing: Standing = { status: 'open' };
  for await (const event of readAgentStream({ body, peer, release })) {
    if (event.type === 'chunk') {
      const part = account.take(event.chunk);
      if (part !== undefined) yield part;
      continue;
    }
    if (standing.status === 'held') throw new RubotError('upstream_failed', `${peer} went on behind calls that it was to hold.`);
    account.takeStep(event.step.usage);
    standing = await journal.add(event.step);
    // Left in the middle, and called again from here: the bearer that it has would fail its next tools.
    if (standing.status === 'open' && (await isOutdated(bearer, run))) return standing;
  }
  if (standing.status === 'held') return standing;
  account.assertFinished(peer);
  return { status: 'over', finishReason: account.total().finishReason };
}

/** False where no newer bearer is to be had, as then the old one is as good as any. */
async function isOutdated({ token, renewAtMs }: DataBearer, run: Run): Promise<boolean> {
  if (Date.now() < renewAtMs) return false;
  // A failure is none of this agent's: it is met again at the next call.
  const fresh = await run.freshBearer().catch(() => undefined);
  return fresh?.token !== token;
}

/** How a slice ends unless it is known better: whoever reads may leave at any part. */
export function abandoned(): RubotError {
  return new RubotError('cancelled', 'Nobody waited for this part of the answer any more.');
}

function endless({ agentName }: PlannedSlice): RubotError {
  return new RubotError('upstream_failed', `${agentName} came to no end after ${MAX_CALLS} calls. Ask for less at once.`);
}
