import OpenAI, { type ClientOptions } from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import OpenAI6 from 'openai-6';
import { zodResponseFormat as zodResponseFormat6 } from 'openai-6/helpers/zod';
import type { Stack } from '../../src/stack/start-stack.ts';
import { type Speaker, toChatSourceHeaders } from '../_stack.ts';

/** A major version of OpenAI's SDK, with those of its parts that the suites use. */
export interface Sdk {
  readonly name: string;
  readonly OpenAI: typeof OpenAI;
  readonly zodResponseFormat: typeof zodResponseFormat;
}

/** Version 6 under the types of 7: the suites hold both to the same, so each use of a part proves that it is there. */
export const SDKS: readonly Sdk[] = [
  { name: 'openai 7', OpenAI, zodResponseFormat },
  {
    name: 'openai 6',
    OpenAI: OpenAI6 as unknown as typeof OpenAI,
    zodResponseFormat: zodResponseFormat6 as unknown as typeof zodResponseFormat,
  },
];

export interface Connection {
  readonly client: OpenAI;
  /** How many HTTP requests it has made so far. */
  readonly attempts: () => number;
}

export interface ConnectOptions extends ClientOptions {
  readonly speaker?: Partial<Speaker>;
  /** Sent with every request, beside those that say who speaks. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A client as its users have it, with the retries it makes by itself. */
export function connect(sdk: Sdk, stack: Stack, { speaker, headers, ...options }: ConnectOptions = {}): Connection {
  let attempts = 0;
  const client = new sdk.OpenAI({
    baseURL: `${stack.urls.gateway}/v1`,
    apiKey: stack.keys.GATEWAY_API_KEY,
    defaultHeaders: { ...toChatSourceHeaders(stack, speaker), ...headers },
    fetch(url, init) {
      attempts += 1;
      return fetch(url, init);
    },
    ...options,
  });
  return { client, attempts: () => attempts };
}

/** What a call fails with; fails itself when the call does not. */
export async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    (value) => {
      throw new Error(`this was to fail, and gave ${JSON.stringify(value)}`);
    },
    (thrown: unknown) => thrown,
  );
}
