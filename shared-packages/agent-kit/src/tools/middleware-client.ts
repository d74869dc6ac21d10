import { type CallToolRequest, CallToolResponse, type ToolDescription, ToolList } from '@rubot/contracts/data';
import { type ChallengeRequest, ChallengeResponse } from '@rubot/contracts/diagnosis';
import { HEADERS } from '@rubot/contracts/headers';
import { ToolName } from '@rubot/contracts/ids';
import type { Deadline } from '@rubot/http/deadline';
import { callUpstreamJson, type FetchLike } from '@rubot/http/upstream';
import type { Span } from '@rubot/logging/span';
import { LRUCache } from 'lru-cache';

/** In whose name the middleware is called. */
export interface DataAccess {
  readonly tenantId: string;
  readonly bearer: string;
  readonly span: Span;
  readonly deadline: Deadline;
}

export interface ToolCallRequest {
  readonly tool: string;
  readonly input: CallToolRequest['arguments'];
  readonly idempotencyKey: string;
}

/** The middleware as an agent sees it. Its methods throw the middleware's own RubotError, or `unavailable` and its kin. */
export interface MiddlewareClient {
  listTools(access: DataAccess): Promise<readonly ToolDescription[]>;
  callTool(access: DataAccess, request: ToolCallRequest): Promise<unknown>;
  /** In nobody's name. */
  challenge(request: ChallengeRequest, context: Pick<DataAccess, 'span' | 'deadline'>): Promise<ChallengeResponse>;
}

export interface MiddlewareClientOptions {
  readonly url: string;
  readonly fetch: FetchLike;
}

const PEER = 'rubot-middleware';
/**
 * A tool that is taken from a tenant is refused at its next call in any case; this is how long it may still be offered, and how long a
 * write may still go without the person that the tenant has begun to ask for. What ends access is heeded everywhere within 5 s.
 */
const LIST_TTL_MS = 2_500;
const MAX_CACHED_TENANTS = 1_000;

export function createMiddlewareClient({ url, fetch }: MiddlewareClientOptions): MiddlewareClient {
  const lists = new LRUCache<string, readonly ToolDescription[]>({ max: MAX_CACHED_TENANTS, ttl: LIST_TTL_MS });

  function toCall({ tenantId, bearer, span, deadline }: DataAccess, path: string) {
    return {
      fetch,
      peer: PEER,
      url: `${url}/data/${encodeURIComponent(tenantId)}/${path}`,
      headers: { authorization: `Bearer ${bearer}` },
      span,
      deadline,
    };
  }

  return {
    async listTools(access) {
      const known = lists.get(access.tenantId);
      if (known !== undefined) return known;
      const { tools } = await callUpstreamJson({ ...toCall(access, 'tools'), method: 'GET' }, ToolList);
      const usable = tools.filter(isUsable);
      lists.set(access.tenantId, usable);
      return usable;
    },
    async callTool(access, { tool, input, idempotencyKey }) {
      const call = toCall(access, `tools/${encodeURIComponent(tool)}/call`);
      const body: CallToolRequest = { arguments: input };
      const { result } = await callUpstreamJson(
        { ...call, method: 'POST', headers: { ...call.headers, [HEADERS.idempotencyKey]: idempotencyKey }, body: JSON.stringify(body) },
        CallToolResponse,
      );
      return result;
    },
    challenge: (request, context) =>
      callUpstreamJson(
        { fetch, peer: PEER, method: 'POST', url: `${url}/challenge`, body: JSON.stringify(request), isIdempotent: true, ...context },
        ChallengeResponse,
      ),
  };
}

/** A kind of effect that this version does not know is not used: it may need a care that is not taken here. */
function isUsable({ name, effect }: ToolDescription): boolean {
  return ToolName.safeParse(name).success && (effect === 'read' || effect === 'write');
}
