import { Agent, fetch as undiciFetch } from 'undici';
import type { FetchLike } from '../upstream.ts';

export interface NodeFetchOptions {
  /** Time to connect; a host that is gone is found out fast, so that a replica can be tried. */
  readonly connectTimeoutMs: number;
  readonly maxConnectionsPerOrigin: number;
}

export interface NodeFetch {
  readonly fetch: FetchLike;
  close(): Promise<void>;
}

/** Keep-alive pools, one per origin. */
export function createNodeFetch({ connectTimeoutMs, maxConnectionsPerOrigin }: NodeFetchOptions): NodeFetch {
  const dispatcher = new Agent({
    connect: { timeout: connectTimeoutMs },
    connections: maxConnectionsPerOrigin,
    // The deadline of a request bounds it; undici's own 300 s would cut a longer one without our error.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  return {
    fetch: async (url, init) => toGlobalResponse(await undiciFetch(url, { ...init, dispatcher })),
    close: () => dispatcher.close(),
  };
}

/** undici's Response is Node's own of another version: same standard, distinct nominal type. */
function toGlobalResponse(response: Awaited<ReturnType<typeof undiciFetch>>): Response {
  return response as unknown as Response;
}
