import { RubotError } from '@rubot/errors';

/** A gateway that is asked. */
export interface SendTarget {
  readonly gatewayUrl: string;
  readonly timeoutMs: number;
}

/** @throws RubotError `unavailable`, `deadline_exceeded` in words for the person who runs the command */
export async function send(
  fetch: typeof globalThis.fetch,
  target: SendTarget,
  path: string,
  init: { readonly method?: string; readonly headers?: Record<string, string>; readonly body?: string } = {},
): Promise<{ readonly response: Response; readonly text: string }> {
  try {
    // A redirect is not followed, as it would carry the key elsewhere.
    const response = await fetch(target.gatewayUrl + path, { ...init, redirect: 'manual', signal: AbortSignal.timeout(target.timeoutMs) });
    return { response, text: await response.text() };
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'TimeoutError') {
      throw new RubotError('deadline_exceeded', `${target.gatewayUrl}${path} gave no answer within ${target.timeoutMs / 1_000} s.`, {
        cause,
      });
    }
    throw new RubotError('unavailable', `${target.gatewayUrl}${path} cannot be reached: ${toReason(cause)}.`, { cause });
  }
}

/** fetch says "fetch failed" and keeps what happened in a cause. */
function toReason(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  if (thrown.cause instanceof Error) return toReason(thrown.cause);
  return 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : thrown.message;
}
