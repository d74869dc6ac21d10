import { ChatCompletion } from '@rubot/contracts/chat-response';
import { ErrorBody } from '@rubot/contracts/error';
import { HEADERS } from '@rubot/contracts/headers';
import { TraceId } from '@rubot/contracts/ids';
import { parseJson } from '@rubot/contracts/parse-json';
import { RubotError } from '@rubot/errors';
import { send } from '../send.ts';
import type { SmokeTarget } from './target.ts';

export interface Completion {
  readonly traceId: string;
  /** For the report: which model, how many tokens, how long. Nothing of what was said. */
  readonly summary: string;
}

/** Sends the smoke request of the deployment guide. @throws RubotError when the answer is not a whole chat completion */
export async function requestCompletion(fetch: typeof globalThis.fetch, target: SmokeTarget): Promise<Completion> {
  const startedAtMs = performance.now();
  const { response, text } = await send(fetch, target, '/v1/chat/completions', {
    method: 'POST',
    headers: {
      authorization: `Bearer ${target.apiKey}`,
      [HEADERS.sessionId]: target.sessionId,
      [HEADERS.senderId]: target.senderId,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'hello' }] }),
  });
  const traceId = response.headers.get(HEADERS.traceId) ?? '';
  if (response.status !== 200) throw toRefusal(response.status, parseJson(text), traceId);
  const completion = ChatCompletion.safeParse(parseJson(text));
  if (!completion.success) throw new RubotError('upstream_failed', `The answer is not a chat completion${toHint(traceId)}`);
  assertWhole(completion.data, target, traceId);
  if (!TraceId.safeParse(traceId).success) throw new RubotError('upstream_failed', 'The answer has no X-Rubot-Trace-Id.');
  return { traceId, summary: summarize(completion.data, performance.now() - startedAtMs) };
}

function assertWhole({ choices, rubot }: ChatCompletion, target: SmokeTarget, traceId: string): void {
  if (rubot?.status === 'sender_unlinked') throw toUnlinked(target, rubot.link_url);
  if ((rubot?.status ?? 'completed') !== 'completed') {
    const failed = (rubot?.slices ?? []).flatMap((slice) =>
      slice.error === undefined ? [] : [`${slice.agent_id}: ${slice.error.message}`],
    );
    throw new RubotError('upstream_failed', `The answer is ${rubot?.status}: ${failed.join('; ')}${toHint(traceId)}`);
  }
  if ((choices[0]?.message.content ?? '') === '') throw new RubotError('upstream_failed', `The answer is empty${toHint(traceId)}`);
}

function toUnlinked({ gatewayUrl, senderId }: SmokeTarget, linkUrl: string | undefined): RubotError {
  const page = linkUrl === undefined ? '' : `, on the page ${linkUrl}`;
  return new RubotError(
    'forbidden',
    `The sender ${senderId} is not linked to a tenant, so nothing behind the gateway was reached. Link it${page} or with POST ${gatewayUrl}/admin/identity-bindings, or name a linked one with --sender.`,
  );
}

function toRefusal(status: number, body: unknown, traceId: string): RubotError {
  const error = ErrorBody.safeParse(body);
  const said = error.success
    ? `${error.data.error.code ?? error.data.error.type}: ${error.data.error.message}`
    : 'something that is not rubot’s';
  return new RubotError('upstream_failed', `POST /v1/chat/completions answered ${status}, ${said}${toHint(traceId)}`);
}

function toHint(traceId: string): string {
  return TraceId.safeParse(traceId).success ? ` (see: rubot trace ${traceId})` : '';
}

function summarize({ model, usage }: ChatCompletion, durationMs: number): string {
  const tokens = usage === null || usage === undefined ? 'no usage' : `${usage.prompt_tokens}→${usage.completion_tokens} tokens`;
  return `model ${model}, ${tokens}, ${Math.round(durationMs)} ms`;
}
