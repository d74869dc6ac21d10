import { ChatCompletion } from '@rubot/contracts/chat-response';
import { formatAllowedAgents, HEADERS } from '@rubot/contracts/headers';
import { ModelList } from '@rubot/contracts/models';
import { RunEventPage, RunList, RunResource } from '@rubot/contracts/runs';
import type { ResolveSessionRequest, ResolveSessionResponse } from '@rubot/contracts/sessions';
import { RubotError } from '@rubot/errors';
import {
  callUpstream,
  callUpstreamJson,
  callUpstreamWithoutBody,
  type FetchLike,
  readUpstreamBody,
  type UpstreamAnswer,
  type UpstreamCall,
} from '@rubot/http/upstream';
import { z } from 'zod';
import type { CallContext } from './middleware.ts';

/** On whose behalf a call is made, as the orchestrator is told in headers; it believes them for the hop key's sake. */
export interface Caller {
  readonly tenantId: string;
  readonly sessionId: string;
  readonly senderId: string;
  readonly allowedAgents: readonly string[] | null;
}

export function toCaller(identity: ResolveSessionRequest, session: LinkedSession): Caller {
  return {
    tenantId: session.tenant_id,
    sessionId: identity.session_id,
    senderId: identity.sender_id,
    allowedAgents: session.allowed_agents,
  };
}

type LinkedSession = Extract<ResolveSessionResponse, { status: 'linked' }>;

export interface CompletionCall {
  readonly caller: Caller;
  readonly runId: string;
  readonly dataBearer: string;
  /** What the client's leaving does, where it has said so; whether it is a thing that can be done, the orchestrator says. */
  readonly onDisconnect: string | undefined;
  /** The client's body byte for byte, so that no field of it is lost on the way. */
  readonly body: Uint8Array<ArrayBuffer>;
}

export interface RunsCall {
  readonly caller: Caller;
  readonly method: 'GET' | 'POST';
  /** Path and query. */
  readonly target: string;
  /** Of the client's own headers, those that say how events are to be read. */
  readonly headers: Readonly<Record<string, string>>;
}

export type RunsAnswer = { readonly bytes: Uint8Array<ArrayBuffer> } | { readonly stream: UpstreamAnswer };

export interface OrchestratorClient {
  /** `bytes` are a completion as the orchestrator wrote it, checked. */
  complete(call: CompletionCall, context: CallContext): Promise<{ bytes: Uint8Array<ArrayBuffer>; runId: string }>;
  /** The answer's body is a stream of events; whoever reads it ends the span. */
  streamCompletion(call: CompletionCall, context: CallContext): Promise<UpstreamAnswer & { runId: string }>;
  /** Any request about runs. `bytes` or `stream`, whichever the orchestrator answers with; whoever reads the stream ends its span. */
  requestRuns(call: RunsCall, context: CallContext): Promise<RunsAnswer>;
  listModels(caller: Caller, context: CallContext): Promise<ModelList>;
  /** @throws RubotError `unavailable` when it cannot do its work */
  checkReady(context: CallContext): Promise<void>;
}

export interface OrchestratorClientOptions {
  readonly fetch: FetchLike;
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly accessHeaders: Readonly<Record<string, string>>;
}

const PEER = 'rubot-orchestrator';

export function createOrchestratorClient({ fetch, baseUrl, apiKey, accessHeaders }: OrchestratorClientOptions): OrchestratorClient {
  const hopHeaders = { authorization: `Bearer ${apiKey}`, ...accessHeaders };

  function toCompletionCall({ caller, runId, dataBearer, onDisconnect, body }: CompletionCall, context: CallContext): UpstreamCall {
    return {
      fetch,
      peer: PEER,
      method: 'POST',
      url: `${baseUrl}/v1/chat/completions`,
      headers: {
        ...hopHeaders,
        ...toCallerHeaders(caller),
        [HEADERS.runId]: runId,
        [HEADERS.dataBearer]: dataBearer,
        ...(onDisconnect === undefined ? {} : { [HEADERS.onDisconnect]: onDisconnect }),
      },
      body,
      ...context,
    };
  }

  return {
    async complete(completionCall, context) {
      const call = toCompletionCall(completionCall, context);
      const answer = await callUpstream(call);
      const { bytes } = await readUpstreamBody(call, answer, ChatCompletion);
      return { bytes, runId: readRunId(answer.response, completionCall) };
    },
    async streamCompletion(completionCall, context) {
      const answer = await callUpstream(toCompletionCall(completionCall, context));
      await assertEventStream(answer);
      return { ...answer, runId: readRunId(answer.response, completionCall) };
    },
    async requestRuns({ caller, method, target, headers }, context) {
      const call: UpstreamCall = {
        fetch,
        peer: PEER,
        method,
        url: `${baseUrl}${target}`,
        headers: { ...headers, ...hopHeaders, ...toCallerHeaders(caller) },
        ...context,
      };
      const answer = await callUpstream(call);
      if (isEventStream(answer.response)) return { stream: answer };
      const { bytes } = await readUpstreamBody(call, answer, RunsBody);
      return { bytes };
    },
    listModels: (caller, context) =>
      callUpstreamJson(
        {
          fetch,
          peer: PEER,
          method: 'GET',
          url: `${baseUrl}/v1/models`,
          headers: { ...hopHeaders, ...toCallerHeaders(caller) },
          ...context,
        },
        ModelList,
      ),
    checkReady: (context) =>
      callUpstreamWithoutBody({ fetch, peer: PEER, method: 'GET', url: `${baseUrl}/readyz`, headers: hopHeaders, ...context }),
  };
}

function toCallerHeaders({ tenantId, sessionId, senderId, allowedAgents }: Caller): Record<string, string> {
  return {
    [HEADERS.tenantId]: tenantId,
    [HEADERS.sessionId]: sessionId,
    [HEADERS.senderId]: senderId,
    [HEADERS.allowedAgents]: formatAllowedAgents(allowedAgents),
  };
}

/** The orchestrator may answer with an earlier run, for a request that it has seen before. */
function readRunId(response: Response, { runId }: CompletionCall): string {
  return response.headers.get(HEADERS.runId) ?? runId;
}

/** One run, a page of runs, or a page of events. */
const RunsBody = z.union([RunResource, RunList, RunEventPage]);

function isEventStream({ headers, body }: Response): boolean {
  return (headers.get('content-type') ?? '').startsWith('text/event-stream') && body !== null;
}

async function assertEventStream({ response, span }: UpstreamAnswer): Promise<void> {
  if (isEventStream(response)) return;
  const contentType = response.headers.get('content-type') ?? 'no content type';
  const error = new RubotError('upstream_failed', `${PEER} did not answer with a stream. Check what stands in front of it.`, {
    operatorDetail: `status ${response.status}, ${contentType}`,
  });
  span.end({ error });
  await response.body?.cancel();
  throw error;
}
