import { RubotError } from '@rubot/errors';

export interface OutboundRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body?: string | null;
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * The request that an answer asks for instead, `undefined` where it asks for none. Never one to another origin: the credential that
 * the first one bears is nobody else's.
 *
 * @throws RubotError `upstream_failed`
 */
export function toRedirected(
  request: OutboundRequest,
  { status, headers }: Pick<Response, 'status' | 'headers'>,
): OutboundRequest | undefined {
  const location = headers.get('location');
  if (!REDIRECTS.has(status) || location === null) return undefined;
  const from = new URL(request.url);
  const to = URL.canParse(location, from) ? new URL(location, from) : undefined;
  if (to === undefined || to.origin !== from.origin || to.username !== '' || to.password !== '') {
    throw new RubotError('upstream_failed', `${from.host} redirects to another place, where it is not followed. Tell the operator.`);
  }
  return becomesGet(status, request.method) ? toGet(request, to.href) : { ...request, url: to.href };
}

/** https://fetch.spec.whatwg.org/#http-redirect-fetch */
function becomesGet(status: number, method: string): boolean {
  if (status === 303) return method !== 'GET' && method !== 'HEAD';
  return (status === 301 || status === 302) && method === 'POST';
}

function toGet({ headers }: OutboundRequest, url: string): OutboundRequest {
  const copy = new Headers(headers);
  copy.delete('content-type');
  return { url, method: 'GET', headers: copy };
}
