import { RubotError } from '@rubot/errors';
import { parseJson } from '@rubot/http/body';
import type { Upstream } from '../connected/upstream.ts';
import type { SentEffect } from '../provider.ts';
import { isJsonType } from './openapi/parameters.ts';

/** What of a refusal a model is shown, so that it can mend its call. */
const MAX_REASON_CHARACTERS = 2_000;

/** What the upstream's answer says. @throws RubotError when its body breaks off, or cannot be read */
export async function readAnswer(upstream: Upstream, response: Response): Promise<SentEffect> {
  if (response.ok) return { outcome: 'done', result: await readResult(upstream, response) };
  const error = await readRefusal(upstream, response);
  // A status of the 400s says that the request was not taken; one of the 500s, or a redirect that was not followed, says nothing.
  return { outcome: response.status >= 400 && response.status < 500 ? 'refused' : 'unknown', error };
}

async function readResult({ providerId, scrub }: Upstream, response: Response): Promise<unknown> {
  const contentType = response.headers.get('content-type') ?? '';
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (bytes.byteLength === 0) return { status: response.status };
  if (isJsonType(contentType)) return scrub(parseBody(providerId, bytes));
  if (contentType === '' || /^text\/|[/+]xml\s*(?:;|$)/i.test(contentType)) return scrub(new TextDecoder().decode(bytes));
  throw unreadable(providerId, `${providerId} answered with ${contentType.split(';')[0]?.slice(0, 60)}, which is neither JSON nor text.`);
}

function parseBody(providerId: string, bytes: Uint8Array): unknown {
  try {
    return parseJson(bytes);
  } catch {
    throw unreadable(providerId, `${providerId} answered with something that is not JSON, or nests too deep, though it calls it JSON.`);
  }
}

function unreadable(providerId: string, message: string): RubotError {
  return new RubotError('upstream_failed', message, { operatorDetail: `answer of ${providerId} cannot be read` });
}

async function readRefusal({ providerId, scrub }: Upstream, response: Response): Promise<RubotError> {
  const { status } = response;
  if (status === 401) {
    await response.body?.cancel();
    return new RubotError(
      'upstream_failed',
      `${providerId} does not accept the credential of its connection. Whoever administers it must store a right one.`,
    );
  }
  if (status === 429) {
    await response.body?.cancel();
    return new RubotError('rate_limited', `${providerId} is asked too often. Try again later.`, {
      retryable: false,
      retryAfterMs: readRetryAfterMs(response),
    });
  }
  // Of a failure of its own an upstream can say anything, stacks and settings included.
  if (status < 400 || status >= 500) {
    await response.body?.cancel();
    return new RubotError('upstream_failed', `${providerId} failed, with status ${status}.`);
  }
  const reason = scrub(await readReason(response));
  const code = status === 404 || status === 410 ? 'not_found' : status === 409 || status === 412 ? 'conflict' : 'invalid_request';
  return new RubotError(code, `${providerId} refuses this, with status ${status}${reason === '' ? '.' : `: ${reason}`}`);
}

async function readReason(response: Response): Promise<string> {
  const text = await response.text().catch(() => '');
  return /^(?:text\/plain|application\/(?:[\w.+-]+\+)?json)/i.test(response.headers.get('content-type') ?? '')
    ? text.trim().slice(0, MAX_REASON_CHARACTERS)
    : '';
}

function readRetryAfterMs({ headers }: Response): number | undefined {
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds, 3_600) * 1_000 : undefined;
}
