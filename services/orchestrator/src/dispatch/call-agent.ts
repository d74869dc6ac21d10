import { type SliceBrief, STEPS_HELD } from '@rubot/contracts/agent';
import type { ChatMessage, ChatRequest } from '@rubot/contracts/chat-request';
import { HEADERS } from '@rubot/contracts/headers';
import { modelOfAgent } from '@rubot/contracts/models';
import type { Deadline } from '@rubot/http/deadline';
import { toEventStream } from '@rubot/http/event-stream';
import { callUpstream, type FetchLike, type UpstreamAnswer } from '@rubot/http/upstream';
import type { Span } from '@rubot/logging/span';
import type { PlannedSlice } from '../planning/plan.ts';
import type { DataBearer, Run } from '../runs/run.ts';
import { toDecisionsHeader } from './decisions-header.ts';
import type { HeldCall } from './held-calls.ts';

export interface AgentClientOptions {
  readonly fetch: FetchLike;
  readonly apiKey: string;
}

export interface AgentCall {
  readonly run: Run;
  readonly slice: PlannedSlice;
  /** What the agent is told beside the conversation, where it is one of several. */
  readonly brief: SliceBrief | undefined;
  /** What the agent has done so far. */
  readonly journal: readonly ChatMessage[];
  /** Calls at the end of the journal that the agent is to run now, where there are any. */
  readonly held: readonly HeldCall[] | undefined;
  readonly span: Span;
  readonly deadline: Deadline;
}

/** An answer that is a stream; whoever reads it ends its span, and says how it ended. */
export interface AgentAnswer extends UpstreamAnswer {
  readonly body: ReadableStream<Uint8Array>;
  readonly peer: string;
  /** With which the agent was called. */
  readonly bearer: DataBearer;
  /** Called once, with what was thrown or nothing: the replica is judged by it. */
  end(thrown?: unknown): void;
}

/**
 * @throws RubotError the agent's own; `unavailable` when no replica takes the call; `upstream_failed` for an answer that is no stream;
 * what `Run.freshBearer` throws
 */
export async function callAgent(call: AgentCall, { fetch, apiKey }: AgentClientOptions): Promise<AgentAnswer> {
  const { run, slice, brief, journal, span, deadline } = call;
  const peer = peerOf(slice);
  const bearer = await run.freshBearer();
  const headers = toHeaders(call, bearer, apiKey);
  const body = toBody(run.request, slice, brief, journal);
  const { answer, end } = await slice.agent.call(async (origin) => {
    const upstream = await callUpstream({
      fetch,
      peer,
      method: 'POST',
      url: `${origin}/v1/chat/completions`,
      headers,
      body,
      span,
      deadline,
    });
    return { ...upstream, body: await toEventStream(upstream, peer) };
  });
  return { ...answer, peer, bearer, end };
}

function peerOf({ agent }: PlannedSlice): string {
  return `rubot-agent-${agent.id}`;
}

function toHeaders({ run, slice, held }: AgentCall, { token }: DataBearer, apiKey: string): Record<string, string> {
  const { id, caller, decisions } = run;
  return {
    authorization: `Bearer ${apiKey}`,
    [HEADERS.tenantId]: caller.tenantId,
    [HEADERS.sessionId]: caller.sessionId,
    [HEADERS.senderId]: caller.senderId,
    [HEADERS.dataBearer]: token,
    [HEADERS.runId]: id,
    [HEADERS.sliceId]: slice.id,
    [HEADERS.steps]: STEPS_HELD,
    // Also with no decision in it: it says that open calls are from the journal, and not from a client.
    ...(held === undefined ? {} : { [HEADERS.decisions]: toDecisionsHeader(decisions, held) }),
  };
}

/** Everything the client sent goes along. The brief is a user's message, never a system's: it stems from words of the user. */
function toBody(request: ChatRequest, slice: PlannedSlice, brief: SliceBrief | undefined, journal: readonly ChatMessage[]): string {
  const briefing: ChatMessage[] = brief === undefined ? [] : [{ role: 'user', content: JSON.stringify(brief) }];
  return JSON.stringify({
    ...request,
    model: modelOfAgent(slice.agent.id),
    messages: [...request.messages, ...briefing, ...journal],
    stream: true,
    stream_options: { ...request.stream_options, include_usage: true },
  });
}
