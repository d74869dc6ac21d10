import { RubotError } from '@rubot/errors';
import { limitBody } from './limit-body.ts';
import type { PlainFetch } from './plain-fetch.ts';
import { isPublicAddress } from './public-address.ts';
import { type OutboundRequest, toRedirected } from './redirect.ts';
import type { ResolveName } from './resolver.ts';
import { checkTarget, type TargetRules } from './target.ts';

export interface GuardedCall {
  /** Aborts when nobody waits any more. */
  readonly signal?: AbortSignal | undefined;
  /** Called when from here on the other side may have the request. */
  readonly onSend?: () => void;
}

/**
 * Asks a system of others, and nothing inside of ours. Reading the answer's body fails beyond the limits of time and size.
 *
 * @throws RubotError with words for whoever called, in which nothing stands that the other side has sent
 */
export type GuardedFetch = (request: OutboundRequest, call?: GuardedCall) => Promise<Response>;

export interface GuardOptions {
  readonly rules: TargetRules;
  readonly fetch: PlainFetch;
  readonly resolveName: ResolveName;
  readonly timeoutMs?: number;
  readonly maxAnswerBytes?: number;
}

/** Under the 30 s that a Worker is given for what goes on after its client has left. */
const TIMEOUT_MS = 25_000;
const MAX_ANSWER_BYTES = 1_048_576;
const MAX_REDIRECTS = 3;

export function createGuardedFetch({
  rules,
  fetch,
  resolveName,
  timeoutMs = TIMEOUT_MS,
  maxAnswerBytes = MAX_ANSWER_BYTES,
}: GuardOptions): GuardedFetch {
  /** Before each request, redirected ones included: what a name points at may change from one to the next. */
  async function assertAllowed(text: string, signal: AbortSignal): Promise<URL> {
    const { url, nameToResolve } = checkTarget(text, rules);
    if (nameToResolve === undefined) return url;
    const addresses = await resolveName(nameToResolve, signal).catch((cause: unknown) => {
      throw signal.aborted ? cause : unresolved(nameToResolve, cause);
    });
    if (addresses.length === 0) throw unresolved(nameToResolve, new Error('no addresses'));
    if (!addresses.every(isPublicAddress)) throw notPublic(nameToResolve);
    return url;
  }

  async function send(request: OutboundRequest, signal: AbortSignal, onSend: (() => void) | undefined): Promise<Response> {
    let current = request;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
      const { href } = await assertAllowed(current.url, signal);
      onSend?.();
      const { method, headers, body = null } = current;
      const response = await fetch(href, { method, headers, body, redirect: 'manual', signal });
      const redirected = toRedirected(current, response);
      if (redirected === undefined) return response;
      await response.body?.cancel();
      current = redirected;
    }
    throw new RubotError('upstream_failed', `${hostOf(request)} redirects more than ${MAX_REDIRECTS} times.`);
  }

  return async function guardedFetch(request, { signal: callerSignal, onSend } = {}) {
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = callerSignal === undefined ? timeout : AbortSignal.any([timeout, callerSignal]);
    const host = hostOf(request);

    function toFailure(thrown: unknown): RubotError {
      if (RubotError.is(thrown)) return thrown;
      if (timeout.aborted) return new RubotError('deadline_exceeded', `${host} did not answer within ${timeoutMs} ms.`);
      if (callerSignal?.aborted === true)
        return new RubotError('cancelled', 'The client closed the connection before the answer was complete.');
      return new RubotError('upstream_failed', `${host} could not be reached, or broke off.`, { cause: thrown });
    }

    try {
      const { status, headers, body } = await send(request, signal, onSend);
      const limited =
        body === null
          ? null
          : limitBody(body, { maxBytes: maxAnswerBytes, signal, tooLarge: () => tooLarge(host, maxAnswerBytes), toFailure });
      return new Response(limited, { status, headers: withoutEncoding(headers) });
    } catch (thrown) {
      throw toFailure(thrown);
    }
  };
}

/** The body that is passed on is decompressed. */
function withoutEncoding(headers: Headers): Headers {
  const copy = new Headers(headers);
  copy.delete('content-encoding');
  copy.delete('content-length');
  return copy;
}

function hostOf({ url }: OutboundRequest): string {
  return URL.canParse(url) ? new URL(url).host : 'The upstream';
}

function unresolved(hostname: string, cause: unknown): RubotError {
  return new RubotError('upstream_failed', `The name ${hostname} cannot be looked up, or has no address. Nothing was sent.`, { cause });
}

function notPublic(hostname: string): RubotError {
  return new RubotError(
    'invalid_request',
    `The name ${hostname} points at an address that is not of the public Internet. Nothing was sent.`,
    {
      param: 'url',
      operatorDetail: 'outbound target refused: not public',
    },
  );
}

function tooLarge(host: string, maxBytes: number): RubotError {
  return new RubotError('payload_too_large', `The answer of ${host} is larger than ${maxBytes} bytes. Ask for less at once.`);
}
