import { ChatCompletion } from '@rubot/contracts/chat-response';
import { DeadLetterList, type ListDeadLettersQuery, RedriveReport, type RedriveRequest } from '@rubot/contracts/dead-letters';
import { type ChallengeRequest, ChallengeResponse, type DiagnoseRequest, Diagnosis } from '@rubot/contracts/diagnosis';
import { formatAllowedAgents, HEADERS } from '@rubot/contracts/headers';
import type { CallerLimits } from '@rubot/contracts/limits';
import { ModelList } from '@rubot/contracts/models';
import { RunEventPage, RunList, RunResource, Trace } from '@rubot/contracts/runs';
import type { ResolveSessionRequest } from '@rubot/contracts/sessions';
import { isEventStream, toEventStream } from '@rubot/http/event-stream';
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
import type { TokenAuthority } from '../access/authority.ts';
import type { RunCredentials } from '../bearers/run-bearers.ts';
import type { PassedHeaders } from '../middleware/pass-headers.ts';
import type { LinkedSession } from '../sessions/resolve-session.ts';
import type { CallContext } from './middleware.ts';

/** On whose behalf a call is made, as the orchestrator is told in headers; it believes them for the hop key's sake. */
export interface Caller {
  readonly tenantId: string;
  readonly sessionId: string;
  readonly senderId: string;
  readonly allowedAgents: readonly string[] | null;
  /** The API token in whose name it is made. */
  readonly tokenId?: string;
  readonly limits: CallerLimits;
}

export function toCaller(identity: ResolveSessionRequest, session: LinkedSession, token?: TokenAuthority): Caller {
  return {
    tenantId: session.tenant_id,
    sessionId: identity.session_id,
    senderId: identity.sender_id,
    allowedAgents: session.allowed_agents,
    limits: {
      ...(session.limits === undefined ? {} : { tenant: session.limits }),
      ...(token === undefined ? {} : { token: { id: token.tokenId, limits: token.limits } }),
    },
    ...(token === undefined ? {} : { tokenId: token.tokenId }),
  };
}

/** A client's request, as it goes on. */
export interface ForwardedCall {
  readonly caller: Caller;
  readonly method: 'GET' | 'POST';
  /** Path and query. */
  readonly target: string;
  readonly clientHeaders: PassedHeaders;
  /** Called as soon as the orchestrator has answered, also where it refuses. */
  readonly onHead: (headers: Headers) => void;
}

/** A call by which a run is begun, or goes on. */
export interface RunCall extends ForwardedCall {
  readonly credentials: RunCredentials;
  /** The client's body byte for byte, so that no field of it is lost on the way. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/** What the orchestrator wrote, checked. */
export interface WholeAnswer {
  readonly status: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A stream of events; whoever reads it ends its span. */
export interface StreamAnswer {
  readonly stream: UpstreamAnswer;
}

export interface OrchestratorClient {
  complete(call: RunCall, context: CallContext): Promise<WholeAnswer>;
  streamCompletion(call: RunCall, context: CallContext): Promise<StreamAnswer>;
  /** Any request about runs, or about what belongs to one trace, but for events. */
  requestRuns(call: ForwardedCall | RunCall, context: CallContext): Promise<WholeAnswer>;
  /** A page or a stream, as the client's headers ask. */
  readRunEvents(call: ForwardedCall, context: CallContext): Promise<WholeAnswer | StreamAnswer>;
  listModels(caller: Caller, context: CallContext): Promise<ModelList>;
  listDeadLetters(query: ListDeadLettersQuery, context: CallContext): Promise<DeadLetterList>;
  redrive(request: RedriveRequest, context: CallContext): Promise<RedriveReport>;
  challenge(request: ChallengeRequest, context: CallContext): Promise<ChallengeResponse>;
  diagnose(request: DiagnoseRequest, context: CallContext): Promise<Diagnosis>;
  /** @throws RubotError `unavailable` when it cannot do its work */
  checkReady(context: CallContext): Promise<void>;
}

export interface OrchestratorClientOptions {
  readonly fetch: FetchLike;
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly accessHeaders: PassedHeaders;
}

const PEER = 'rubot-orchestrator';

export function createOrchestratorClient({ fetch, baseUrl, apiKey, accessHeaders }: OrchestratorClientOptions): OrchestratorClient {
  const hop = { fetch, peer: PEER } as const;
  const hopHeaders = { authorization: `Bearer ${apiKey}`, ...accessHeaders };

  function toUpstreamCall(call: ForwardedCall | RunCall, context: CallContext): UpstreamCall {
    return {
      ...hop,
      async fetch(url, init) {
        const response = await fetch(url, init);
        call.onHead(response.headers);
        return response;
      },
      method: call.method,
      url: `${baseUrl}${call.target}`,
      headers: {
        ...call.clientHeaders,
        ...hopHeaders,
        ...toCallerHeaders(call.caller),
        ...('credentials' in call ? { ...toCredentialHeaders(call.credentials), ...toLimitHeaders(call.caller) } : {}),
      },
      ...('body' in call ? { body: call.body } : {}),
      isIdempotent: HEADERS.idempotencyKey in call.clientHeaders,
      ...context,
    };
  }

  /** In nobody's name. A redrive that is sent twice revives a run once. */
  function toOperatorCall(method: UpstreamCall['method'], target: string, context: CallContext): UpstreamCall {
    return { ...hop, method, url: `${baseUrl}${target}`, headers: hopHeaders, isIdempotent: true, ...context };
  }

  async function requestWhole(call: ForwardedCall | RunCall, context: CallContext, schema: z.ZodType): Promise<WholeAnswer> {
    const upstreamCall = toUpstreamCall(call, context);
    return readWhole(upstreamCall, await callUpstream(upstreamCall), schema);
  }

  return {
    complete: (call, context) => requestWhole(call, context, ChatCompletion),
    async streamCompletion(call, context) {
      const stream = await callUpstream(toUpstreamCall(call, context));
      await toEventStream(stream, PEER);
      return { stream };
    },
    requestRuns: (call, context) => requestWhole(call, context, RunsBody),
    async readRunEvents(call, context) {
      const upstreamCall = toUpstreamCall(call, context);
      const answer = await callUpstream(upstreamCall);
      return isEventStream(answer.response) ? { stream: answer } : readWhole(upstreamCall, answer, RunEventPage);
    },
    listModels: (caller, context) =>
      callUpstreamJson(
        { ...hop, method: 'GET', url: `${baseUrl}/v1/models`, headers: { ...hopHeaders, ...toCallerHeaders(caller) }, ...context },
        ModelList,
      ),
    listDeadLetters: (query, context) =>
      callUpstreamJson(toOperatorCall('GET', `/admin/dead-letters?${toSearch(query)}`, context), DeadLetterList),
    redrive: (request, context) =>
      callUpstreamJson({ ...toOperatorCall('POST', '/admin/dead-letters/redrive', context), body: JSON.stringify(request) }, RedriveReport),
    // Without our key: what stands at the other end is what we want to know.
    challenge: (request, context) =>
      callUpstreamJson(
        { ...toOperatorCall('POST', '/challenge', context), headers: accessHeaders, body: JSON.stringify(request) },
        ChallengeResponse,
      ),
    diagnose: (request, context) =>
      callUpstreamJson({ ...toOperatorCall('POST', '/admin/diagnosis', context), body: JSON.stringify(request) }, Diagnosis),
    checkReady: (context) => callUpstreamWithoutBody({ ...hop, method: 'GET', url: `${baseUrl}/readyz`, headers: hopHeaders, ...context }),
  };
}

function toSearch(query: ListDeadLettersQuery): URLSearchParams {
  return new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]));
}

function toCallerHeaders({ tenantId, sessionId, senderId, allowedAgents }: Caller): Record<string, string> {
  return {
    [HEADERS.tenantId]: tenantId,
    [HEADERS.sessionId]: sessionId,
    [HEADERS.senderId]: senderId,
    [HEADERS.allowedAgents]: formatAllowedAgents(allowedAgents),
  };
}

function toCredentialHeaders({ runId, dataBearer, bearerGrant }: RunCredentials): Record<string, string> {
  return { [HEADERS.runId]: runId, [HEADERS.dataBearer]: dataBearer, [HEADERS.bearerGrant]: bearerGrant };
}

/** What a run that begins is limited by: nothing is said of who is not limited. */
function toLimitHeaders({ limits }: Caller): Record<string, string> {
  const isLimited = [limits.tenant, limits.token?.limits].some((held) => held !== undefined && Object.keys(held).length > 0);
  return isLimited ? { [HEADERS.limits]: JSON.stringify(limits) } : {};
}

/** One run, a page of runs, or the runs of a trace. */
const RunsBody = z.union([RunResource, RunList, Trace]);

async function readWhole(call: UpstreamCall, answer: UpstreamAnswer, schema: z.ZodType): Promise<WholeAnswer> {
  const { bytes } = await readUpstreamBody(call, answer, schema);
  return { status: answer.response.status, bytes };
}
