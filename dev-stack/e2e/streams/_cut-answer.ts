import type { CutKind, ModelExchange } from '@rubot/testkit/model-upstream';

/** Where and how an answer is cut: at that many bytes of `ANSWER_BYTES`. */
export interface Cut {
  readonly kind: CutKind;
  readonly atByte: number;
}

const WORDS = ['Grüße', ' aus 東京'];
export const ANSWER_TEXT = WORDS.join('');

/** A whole stream, short, as every byte of it is cut at: two pieces of text, the finish, the end. */
export const ANSWER_BYTES: Uint8Array = Buffer.from(
  [...WORDS.map((content) => toFrame({ content }, null)), toFrame({}, 'stop'), 'data: [DONE]\n\n'].join(''),
);

function toFrame(delta: Readonly<Record<string, string>>, finishReason: string | null): string {
  const choices = [{ index: 0, delta, finish_reason: finishReason }];
  return `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices })}\n\n`;
}

/** The question that carries its cut through every hop, so that any number of them can be asked at once. */
export function toQuestion(cut: Cut): string {
  return JSON.stringify(cut);
}

/** Answers as the question says: the part up to the byte, and then the cut. */
export function playCut(exchange: ModelExchange): void {
  const messages = exchange.body['messages'] as readonly { readonly role: string; readonly content: string }[];
  const { kind, atByte } = JSON.parse(messages.findLast(({ role }) => role === 'user')?.content ?? '') as Cut;
  exchange.begin();
  exchange.sendRaw(ANSWER_BYTES.subarray(0, atByte));
  exchange.cut(kind);
}
