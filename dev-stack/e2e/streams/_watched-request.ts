import OpenAI from 'openai';
import { type ModelStack, toChatSourceHeaders } from '../_stack.ts';

/** What the client library made of an answer. */
export interface SdkView {
  readonly text: string;
  readonly finishReason: string | null;
  /** The code of our error object; `untyped` for a failure that has none. */
  readonly errorCode: string | undefined;
}

/** What stood in the response itself. */
export interface RawView {
  readonly status: number;
  readonly traceId: string;
  readonly text: string;
  readonly isDone: boolean;
  readonly errorCode: string | undefined;
}

export interface Watched {
  readonly sdk: SdkView;
  readonly raw: RawView;
}

/** One request of the `openai` SDK, whose response is also read as it is, byte for byte. */
export async function askWatched(stack: Pick<ModelStack, 'urls' | 'keys' | 'demo'>, model: string, question: string): Promise<Watched> {
  let raw: Promise<RawView> | undefined;
  const client = new OpenAI({
    baseURL: `${stack.urls.gateway}/v1`,
    apiKey: stack.keys.GATEWAY_API_KEY,
    defaultHeaders: toChatSourceHeaders(stack),
    maxRetries: 0,
    async fetch(url, init) {
      // Without the library's signal: it hangs up at an error frame, and what comes behind one is to be seen as well.
      const response = await fetch(url, { ...init, signal: null });
      raw = readRaw(response.clone());
      return response;
    },
  });
  const sdk = await readBySdk(client, model, question);
  if (raw === undefined) throw new Error('no response came');
  return { sdk, raw: await raw };
}

async function readBySdk(client: OpenAI, model: string, question: string): Promise<SdkView> {
  let text = '';
  let finishReason: string | null = null;
  try {
    const chunks = await client.chat.completions.create({ model, stream: true, messages: [{ role: 'user', content: question }] });
    for await (const { choices } of chunks) {
      text += choices[0]?.delta.content ?? '';
      finishReason = choices[0]?.finish_reason ?? finishReason;
    }
    return { text, finishReason, errorCode: undefined };
  } catch (thrown) {
    return { text, finishReason, errorCode: (thrown instanceof OpenAI.APIError ? thrown.code : undefined) ?? 'untyped' };
  }
}

async function readRaw(response: Response): Promise<RawView> {
  const view = { status: response.status, traceId: response.headers.get('x-rubot-trace-id') ?? '' };
  const body = await response.text();
  if (response.status !== 200) return { ...view, text: '', isDone: false, errorCode: JSON.parse(body).error.code };
  const frames = body.split('\n\n');
  if (frames.pop() !== '') throw new Error(`the response ends within a frame: ${body.slice(-80)}`);
  const events = frames.filter((frame) => frame !== ': ping').map((frame) => frame.slice('data: '.length));
  const isDone = events.at(-1) === '[DONE]';
  const chunks = (isDone ? events.slice(0, -1) : events).map((event) => JSON.parse(event));
  return {
    ...view,
    text: chunks.map(({ choices }) => choices?.[0]?.delta?.content ?? '').join(''),
    isDone,
    errorCode: chunks.at(-1)?.error?.code,
  };
}
