import { HEADERS } from '@rubot/contracts/headers';
import { type ModelUpstream, startModelUpstream } from '@rubot/testkit/model-upstream';
import type { StackOptions } from '../src/stack/options.ts';
import { type Stack, startStack } from '../src/stack/start-stack.ts';

/** The whole platform, and behind it a model that does as a test tells it. */
export interface ModelStack extends Stack {
  readonly model: ModelUpstream;
}

/** One a file, in `beforeAll`; `stop` in `afterAll`. */
export async function startModelStack(options: StackOptions = {}): Promise<ModelStack> {
  const model = await startModelUpstream();
  const modelVariables = { MODEL_SPECIFIER: 'openai/test-model', OPENAI_API_KEY: 'sk-of-the-test', OPENAI_BASE_URL: model.url };
  const stack = await startStack({ modelVariables, ...options }).catch(async (thrown: unknown) => {
    await model.close();
    throw thrown;
  });
  async function stop(): Promise<void> {
    await stack.stop();
    await model.close();
  }
  return { ...stack, model, stop };
}

/** Who speaks, and in which conversation; the demo tenant's sender in the demo session unless a test says otherwise. */
export interface Speaker {
  readonly senderId: string;
  readonly sessionId: string;
}

/** The headers of a chat source, by which the gateway knows who speaks. */
export function toChatSourceHeaders({ demo }: Pick<Stack, 'demo'>, speaker: Partial<Speaker> = {}): Record<string, string> {
  return {
    [HEADERS.sessionId]: speaker.sessionId ?? demo.session_id,
    [HEADERS.senderId]: speaker.senderId ?? demo.sender_id,
  };
}

/** What a client must know of a stack. */
type Entrance = Pick<Stack, 'urls' | 'keys' | 'demo'>;

/** A completion as any HTTP client asks for it: for what no SDK would send, or would show. */
export async function postCompletion(stack: Entrance, body: Readonly<Record<string, unknown>>, init: RequestInit = {}): Promise<Response> {
  return postBytes(stack, JSON.stringify(body), init);
}

/** As `postCompletion`, for a body that need not be JSON. */
export async function postBytes(stack: Entrance, body: NonNullable<RequestInit['body']>, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers({
    authorization: `Bearer ${stack.keys.GATEWAY_API_KEY}`,
    'content-type': 'application/json',
    ...toChatSourceHeaders(stack),
  });
  new Headers(init.headers).forEach((value, name) => {
    headers.set(name, value);
  });
  return fetch(`${stack.urls.gateway}/v1/chat/completions`, { method: 'POST', body, ...init, headers });
}
