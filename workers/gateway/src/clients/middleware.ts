import { type RedeemActionHandleInternally, type ResolveApiTokenRequest, ResolveApiTokenResponse } from '@rubot/contracts/api-tokens';
import type { RecordAudit } from '@rubot/contracts/audit';
import { type ChallengeRequest, ChallengeResponse, Diagnosis } from '@rubot/contracts/diagnosis';
import { HEADERS } from '@rubot/contracts/headers';
import { type UseLinkPinInternally, UseLinkPinResponse } from '@rubot/contracts/link-pins';
import { type ResolveSessionRequest, ResolveSessionResponse } from '@rubot/contracts/sessions';
import { RubotError } from '@rubot/errors';
import { readBytes } from '@rubot/http/body';
import { type Deadline, toReason } from '@rubot/http/deadline';
import {
  callUpstream,
  callUpstreamJson,
  callUpstreamWithoutBody,
  type FetchLike,
  readUpstreamJson,
  type UpstreamCall,
} from '@rubot/http/upstream';
import type { Span } from '@rubot/logging/span';
import type { z } from 'zod';
import { toSenderActor } from '../access/authority.ts';

export interface CallContext {
  readonly span: Span;
  readonly deadline: Deadline;
}

/** A request that is put on record, if only where it is refused. */
export interface AdminCall {
  /** Who asks, for the record. */
  readonly actor: string;
  readonly method: UpstreamCall['method'];
  /** Path and query. */
  readonly target: string;
  readonly body?: unknown;
  /** Sent twice, it has the effect of once. */
  readonly isIdempotent: boolean;
}

/** What the middleware wrote, checked. */
export interface AdminAnswer<Value> {
  readonly status: number;
  readonly value: Value;
}

export interface MiddlewareClient {
  resolveSession(request: ResolveSessionRequest, context: CallContext): Promise<ResolveSessionResponse>;
  resolveApiToken(request: ResolveApiTokenRequest, context: CallContext): Promise<ResolveApiTokenResponse>;
  /** @throws RubotError `forbidden` for a handle that is not the token's, or opens nothing any more */
  redeemActionHandle(request: RedeemActionHandleInternally, actor: string, context: CallContext): Promise<void>;
  useLinkPin(request: UseLinkPinInternally, context: CallContext): Promise<UseLinkPinResponse>;
  recordAudit(entry: RecordAudit, actor: string, context: CallContext): Promise<void>;
  administer<Schema extends z.ZodType>(call: AdminCall, schema: Schema, context: CallContext): Promise<AdminAnswer<z.output<Schema>>>;
  administerWithoutAnswer(call: AdminCall, context: CallContext): Promise<void>;
  /** A page of lines, which is no JSON as a whole. */
  readLines(call: AdminCall, context: CallContext): Promise<Uint8Array<ArrayBuffer>>;
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
  const authorization = `Bearer ${apiKey}`;

  function toCall(method: UpstreamCall['method'], path: string, { span, deadline }: CallContext, body?: unknown): UpstreamCall {
    return {
      fetch,
      peer: PEER,
      method,
      url: `${BASE_URL}${path}`,
      headers: { authorization },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      isIdempotent: true,
      span,
      deadline,
    };
  }

  function toAdminCall({ actor, method, target, body, isIdempotent }: AdminCall, context: CallContext): UpstreamCall {
    return { ...toCall(method, target, context, body), headers: { authorization, [HEADERS.actor]: actor }, isIdempotent };
  }

  /** What has an effect each time it is sent. */
  function toPost(target: string, body: unknown, actor: string, context: CallContext): UpstreamCall {
    return toAdminCall({ actor, method: 'POST', target, body, isIdempotent: false }, context);
  }

  return {
    resolveSession(request, context) {
      const actor = toSenderActor(request.sender_id);
      const target = '/internal/sessions/resolve';
      return callUpstreamJson(
        toAdminCall({ actor, method: 'POST', target, body: request, isIdempotent: true }, context),
        ResolveSessionResponse,
      );
    },
    resolveApiToken: (request, context) =>
      callUpstreamJson(toCall('POST', '/internal/tokens/resolve', context, request), ResolveApiTokenResponse),
    redeemActionHandle: (request, actor, context) =>
      callUpstreamWithoutBody(toPost('/internal/action-handles/redeem', request, actor, context)),
    useLinkPin: (request, context) =>
      callUpstreamJson(toPost('/internal/link-pins/use', request, toSenderActor(request.sender_id), context), UseLinkPinResponse),
    recordAudit: (entry, actor, context) => callUpstreamWithoutBody(toPost('/internal/audit', entry, actor, context)),
    async administer(adminCall, schema, context) {
      const call = toAdminCall(adminCall, context);
      const answer = await callUpstream(call);
      return { status: answer.response.status, value: await readUpstreamJson(call, answer, schema) };
    },
    administerWithoutAnswer: (call, context) => callUpstreamWithoutBody(toAdminCall(call, context)),
    readLines: (call, context) => readPage(toAdminCall(call, context)),
    // Without our key: what stands at the other end is what we want to know.
    challenge: (request, context) =>
      callUpstreamJson({ ...toCall('POST', '/challenge', context, request), headers: {} }, ChallengeResponse),
    diagnose: (context) => callUpstreamJson(toCall('GET', '/internal/diagnosis', context), Diagnosis),
    checkReady: (context) => callUpstreamWithoutBody(toCall('GET', '/readyz', context)),
  };
}

/** A page of a thousand lines is well under it. */
const MAX_PAGE_BYTES = 16_777_216;

/** Whole, so that a page that breaks off is an error, and not a shorter page. */
async function readPage(call: UpstreamCall): Promise<Uint8Array<ArrayBuffer>> {
  const { response, span } = await callUpstream(call);
  try {
    const bytes = await readBytes(response, { maxBytes: MAX_PAGE_BYTES });
    span.end({ extra: { status: response.status } });
    return bytes;
  } catch (cause) {
    const broken = new RubotError('upstream_failed', `The answer of ${PEER} broke off. Ask again.`, { cause });
    const error = call.deadline.signal.aborted ? toReason(cause, call.deadline) : broken;
    span.end({ error });
    throw error;
  }
}
