import { type ChallengeRequest, ChallengeResponse, Diagnosis } from '@rubot/contracts/diagnosis';
import { type CreateIdentityBinding, IdentityBinding, IdentityBindingList } from '@rubot/contracts/identity-bindings';
import { type ResolveSessionRequest, ResolveSessionResponse } from '@rubot/contracts/sessions';
import type { Deadline } from '@rubot/http/deadline';
import {
  callUpstream,
  callUpstreamJson,
  callUpstreamWithoutBody,
  type FetchLike,
  readUpstreamJson,
  type UpstreamCall,
} from '@rubot/http/upstream';
import type { Span } from '@rubot/logging/span';

export interface CallContext {
  readonly span: Span;
  readonly deadline: Deadline;
}

export interface MiddlewareClient {
  resolveSession(request: ResolveSessionRequest, context: CallContext): Promise<ResolveSessionResponse>;
  listIdentityBindings(query: URLSearchParams, context: CallContext): Promise<IdentityBindingList>;
  createIdentityBinding(binding: CreateIdentityBinding, context: CallContext): Promise<{ binding: IdentityBinding; created: boolean }>;
  deleteIdentityBinding(senderId: string, context: CallContext): Promise<void>;
  challenge(request: ChallengeRequest, context: CallContext): Promise<ChallengeResponse>;
  diagnose(context: CallContext): Promise<Diagnosis>;
  /** @throws RubotError `unavailable` when it cannot do its work */
  checkReady(context: CallContext): Promise<void>;
}

export interface MiddlewareClientOptions {
  readonly fetch: FetchLike;
  readonly apiKey: string;
}

const PEER = 'rubot-middleware';
/** A service binding needs a URL, but nothing resolves its host. */
const BASE_URL = 'http://rubot-middleware';

export function createMiddlewareClient({ fetch, apiKey }: MiddlewareClientOptions): MiddlewareClient {
  function toCall(method: UpstreamCall['method'], path: string, { span, deadline }: CallContext, body?: unknown): UpstreamCall {
    return {
      fetch,
      peer: PEER,
      method,
      url: `${BASE_URL}${path}`,
      headers: { authorization: `Bearer ${apiKey}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      isIdempotent: true,
      span,
      deadline,
    };
  }

  return {
    resolveSession: (request, context) =>
      callUpstreamJson(toCall('POST', '/internal/sessions/resolve', context, request), ResolveSessionResponse),
    listIdentityBindings: (query, context) =>
      callUpstreamJson(toCall('GET', `/internal/identity-bindings?${query}`, context), IdentityBindingList),
    async createIdentityBinding(binding, context) {
      const call = toCall('POST', '/internal/identity-bindings', context, binding);
      const answer = await callUpstream(call);
      return { binding: await readUpstreamJson(call, answer, IdentityBinding), created: answer.response.status === 201 };
    },
    deleteIdentityBinding: (senderId, context) =>
      callUpstreamWithoutBody(toCall('DELETE', `/internal/identity-bindings/${encodeURIComponent(senderId)}`, context)),
    // Without our key: what stands at the other end is what we want to know.
    challenge: (request, context) =>
      callUpstreamJson({ ...toCall('POST', '/challenge', context, request), headers: {} }, ChallengeResponse),
    diagnose: (context) => callUpstreamJson(toCall('GET', '/internal/diagnosis', context), Diagnosis),
    checkReady: (context) => callUpstreamWithoutBody(toCall('GET', '/readyz', context)),
  };
}
