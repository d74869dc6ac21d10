import type { ChatRequest } from '@rubot/contracts/chat-request';
import { RubotError } from '@rubot/errors';
import { observeModel } from '@rubot/models/model-call';
import { toInterruption, toModelFailure } from '@rubot/models/model-failure';
import { stepCountIs, streamText, type TextStreamPart, type ToolSet } from 'ai';
import { type OfferedTools, offerTools } from '../tools/offer-tools.ts';
import type { AgentEvent } from './agent-event.ts';
import type { AgentRun } from './agent-run.ts';
import { toCallSettings } from './call-settings.ts';
import { toModelMessages } from './model-messages.ts';
import { createNarrator } from './narrator.ts';
import { readClientToolNames, readOpenCalls } from './open-calls.ts';
import { prepareModel } from './prepare-model.ts';
import { settleCalls } from './settle-calls.ts';
import { tellSettled } from './tell-settled.ts';

/**
 * The loop of model calls and tool calls behind one answer. It logs `agent.log` when it is over, however it ends.
 *
 * @throws RubotError; not retryable once a tool has been called
 */
export async function* runSteps(run: AgentRun): AsyncGenerator<AgentEvent, void, undefined> {
  let failure: RubotError | undefined;
  try {
    yield* followSteps(run);
  } catch (thrown) {
    failure = toRunFailure(run, thrown);
    throw failure;
  } finally {
    // A consumer that stops early ends the work, not only its reading.
    if (!run.record.hasEnded) failure ??= new RubotError('cancelled', 'The answer was not read to its end.');
    if (failure !== undefined) {
      run.deadline.abort(failure);
      run.record.failed(failure);
    }
    run.span.log('agent.log', { agent: run.record.toAgentLog(), ...(failure === undefined ? {} : { error: failure }) });
  }
}

async function* followSteps(run: AgentRun): AsyncGenerator<AgentEvent, void, undefined> {
  const openCalls = readOpenCalls(run);
  const doneSteps = countDoneSteps(run.request);
  const offered = await offerTools(run);
  const narrator = createNarrator({ run, offered, doneSteps });
  const settled = await settleCalls(run, offered.ownTools, openCalls.own);
  if (openCalls.own.length > 0) yield* tellSettled(run, { settled, clientCalls: openCalls.client, index: doneSteps - 1 });
  if (run.record.hasEnded) return;
  if (doneSteps >= run.agent.maxSteps) return yield* narrator.endAtLimit();
  const messages = [...run.request.messages, ...settled.messages];
  for await (const part of startModel({ ...run, request: { ...run.request, messages } }, offered, run.agent.maxSteps - doneSteps)) {
    if (part.type === 'abort') throw run.deadline.signal.reason;
    if (part.type === 'error') throw part.error;
    yield* narrator.tell(part);
    if (part.type === 'finish') return;
  }
  throw toInterruption('the SDK ended its stream without a finish part');
}

function startModel(run: AgentRun, { tools, toolChoice }: OfferedTools, stepsLeft: number): AsyncIterable<TextStreamPart<ToolSet>> {
  const { agent, deps, request } = run;
  return streamText({
    model: prepareModel(observeModel(deps.model, run.span), request),
    instructions: agent.instructions,
    messages: toModelMessages(request.messages, {
      systemFirst: deps.model.provider === 'anthropic',
      imageHosts: deps.model.isOpenAi ? 'any' : 'public',
    }),
    allowSystemInMessages: true,
    tools,
    toolChoice,
    ...toCallSettings(request),
    stopWhen: stepCountIs(stepsLeft),
    abortSignal: run.deadline.signal,
    // Whether to ask again is decided by who knows what it costs: not here.
    maxRetries: 0,
    experimental_download: refuseDownloads,
    onError: ignoreErrorCallback,
  }).stream;
}

// Errors are parts of the stream and are read there; the SDK would print them otherwise.
function ignoreErrorCallback(): void {}

/** Following a client's url from inside the network would let the client read what it must not reach. */
async function refuseDownloads(downloads: readonly { readonly isUrlSupportedByModel: boolean }[]): Promise<null[]> {
  if (downloads.every((download) => download.isUrlSupportedByModel)) return downloads.map(() => null);
  throw new RubotError('invalid_request', 'This model reads no files from urls. Send them as data: urls.', { param: 'messages' });
}

/**
 * Steps of this answer that the conversation already holds: what follows the last word of the user. Rounds of the
 * client's own tools are no steps of ours.
 */
function countDoneSteps(request: ChatRequest): number {
  const { messages } = request;
  const clientTools = readClientToolNames(request);
  const asked = messages.findLastIndex((message) => message.role === 'user');
  return messages
    .slice(asked + 1)
    .filter((message) => message.role === 'assistant' && message.tool_calls?.some((call) => !clientTools.has(call.function.name))).length;
}

function toRunFailure(run: AgentRun, thrown: unknown): RubotError {
  const reason = run.deadline.signal.aborted ? run.deadline.signal.reason : thrown;
  const failure = RubotError.is(reason) ? reason : toModelFailure(reason);
  return run.record.hasActed ? failure.toFinal() : failure;
}
