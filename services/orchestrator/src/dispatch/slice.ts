import type { SliceBrief } from '@rubot/contracts/agent';
import { addUsage, type ChatCompletionChunk, NO_USAGE, type Usage } from '@rubot/contracts/chat-response';
import { RubotError } from '@rubot/errors';
import { type Deadline, toReason } from '@rubot/http/deadline';
import type { Span } from '@rubot/logging/span';
import type { PlannedSlice } from '../planning/plan.ts';
import type { Run } from '../runs/run.ts';
import { readAgentStream } from './agent-stream.ts';
import { type AnswerPart, saysSomething } from './answer.ts';
import { type AgentClientOptions, callAgent } from './call-agent.ts';
import { toFinalError } from './final-error.ts';
import { type Replay, replaySteps } from './replay.ts';

export type SliceStatus = 'completed' | 'failed' | 'skipped';

/** How a slice ended, whatever of its text has already been passed on. */
export interface SliceOutcome {
  readonly slice: PlannedSlice;
  readonly status: SliceStatus;
  readonly error: RubotError | undefined;
  readonly finishReason: string | undefined;
  readonly usage: Usage;
  /** What it said, up to a limit: for the slices that build on it. */
  readonly text: string;
}

/** What came of the slices that a slice depends on. */
export type Preparation = { readonly brief: SliceBrief | undefined } | { readonly skipReason: RubotError };

export interface SliceWork {
  readonly run: Run;
  readonly slice: PlannedSlice;
  /** Resolves once the slices it depends on have ended. */
  readonly prepare: () => Promise<Preparation>;
  readonly client: AgentClientOptions;
  /** Called once, when the slice has ended. */
  readonly onEnd: (outcome: SliceOutcome) => void;
}

const MAX_TEXT_CHARACTERS = 16_000;

/** The parts of one slice's answer. It never throws: how it ended is told by `onEnd`. */
export async function* streamSlice(work: SliceWork): AsyncGenerator<AnswerPart, void, undefined> {
  const { run, slice, onEnd } = work;
  const span = run.span.child({ event: 'slice.completed', name: `slice ${slice.id} ${slice.agent.id}`, kind: 'internal' });
  const account = createAccount();
  let status: SliceStatus = 'failed';
  let error: RubotError | undefined = abandoned();
  try {
    const preparation = await work.prepare();
    if ('skipReason' in preparation) {
      status = 'skipped';
      error = preparation.skipReason;
    } else {
      yield* relayAgent(work, span, preparation.brief, account);
      status = 'completed';
      error = undefined;
    }
  } catch (thrown) {
    error = RubotError.from(thrown);
  } finally {
    const outcome: SliceOutcome = { slice, status, error, ...account.total() };
    span.end({
      ...(status === 'failed' ? { error } : {}),
      extra: { agent_id: slice.agent.id, slice_id: slice.id, status, output_tokens: outcome.usage.completion_tokens },
    });
    onEnd(outcome);
  }
}

async function* relayAgent(
  { run, slice, client }: SliceWork,
  span: Span,
  brief: SliceBrief | undefined,
  account: Account,
): AsyncGenerator<AnswerPart, void, undefined> {
  const replay = replaySteps(run.steps.filter(({ sliceId }) => sliceId === slice.id).map(({ step }) => step));
  yield* account.replay(replay);
  if (replay.finishReason !== undefined) return;
  const connection = new AbortController();
  const deadline: Deadline = { ...run.deadline, signal: AbortSignal.any([run.deadline.signal, connection.signal]) };
  const answer = await callAgent({ run, slice, brief, journal: replay.messages, span, deadline }, client);
  let failure: RubotError | undefined = abandoned();
  try {
    for await (const event of readAgentStream({ body: answer.body, peer: answer.peer, release: () => connection.abort() })) {
      if (event.type === 'chunk') {
        const part = account.take(event.chunk);
        if (part !== undefined) yield part;
      } else {
        account.takeStep(event.step.usage);
        await run.recorder.addStep({ sliceId: slice.id, agentId: slice.agent.id, step: event.step });
      }
    }
    account.assertFinished(answer.peer);
    answer.span.end({ extra: { status: answer.response.status } });
    failure = undefined;
  } catch (thrown) {
    failure = RubotError.from(toReason(thrown, run.deadline));
    answer.span.end({ error: failure });
    // The agent had begun: its model was asked, and its tools may have done something.
    throw toFinalError(failure);
  } finally {
    // What ended the run, its database or its client, says nothing of the agent.
    answer.end(failure !== undefined && run.deadline.signal.aborted ? abandoned() : failure);
  }
}

/** How a slice ends unless it is known better: whoever reads may leave at any part. */
function abandoned(): RubotError {
  return new RubotError('cancelled', 'Nobody waited for this part of the answer any more.');
}

interface Account {
  /** Counts what earlier attempts did as if it had been done now. */
  replay(replay: Replay): readonly AnswerPart[];
  /** The chunk without what is ours to say at the end; `undefined` when nothing is left of it. */
  take(chunk: ChatCompletionChunk): AnswerPart | undefined;
  takeStep(usage: Usage): void;
  /** @throws RubotError `stream_interrupted` when the agent never said why it stopped */
  assertFinished(peer: string): void;
  total(): Pick<SliceOutcome, 'finishReason' | 'usage' | 'text'>;
}

function createAccount(): Account {
  let finishReason: string | undefined;
  let totalUsage: Usage | undefined;
  let stepUsage: Usage = NO_USAGE;
  let replayedUsage: Usage = NO_USAGE;
  let text = '';

  return {
    replay(replay) {
      finishReason = replay.finishReason;
      replayedUsage = replay.usage;
      text = replay.parts.map(({ choices }) => choices[0]?.delta.content ?? '').join('');
      return replay.parts;
    },
    take(chunk) {
      totalUsage = chunk.usage ?? totalUsage;
      const [choice] = chunk.choices;
      if (choice === undefined) return undefined;
      if (text.length <= MAX_TEXT_CHARACTERS) text += choice.delta.content ?? '';
      if (choice.finish_reason === null || choice.finish_reason === undefined) return chunk;
      finishReason = choice.finish_reason;
      // Held back until the whole stream is known to be sound: a finish reason is a promise.
      const rest = { ...chunk, choices: [{ ...choice, finish_reason: null }] };
      return saysSomething(rest) ? rest : undefined;
    },
    takeStep(usage) {
      stepUsage = addUsage(stepUsage, usage);
    },
    assertFinished(peer) {
      if (finishReason !== undefined) return;
      throw new RubotError('stream_interrupted', `${peer} stopped without saying why. What has arrived may be a piece; ask again.`);
    },
    // A broken stream has no total, but the steps it finished were paid for.
    total: () => ({ finishReason, usage: addUsage(replayedUsage, totalUsage ?? stepUsage), text: shorten(text) }),
  };
}

function shorten(text: string): string {
  return text.length <= MAX_TEXT_CHARACTERS ? text : `${text.slice(0, MAX_TEXT_CHARACTERS)} […]`;
}
