import { HEADERS } from '@rubot/contracts/headers';
import { expect } from 'vitest';
import { z } from 'zod';

/** OpenAI's error object, with all four fields that its SDKs read and none besides. */
const Refusal = z.strictObject({
  error: z.strictObject({ message: z.string().min(10), type: z.string(), param: z.string().nullable(), code: z.string() }),
});

export interface ExpectedRefusal {
  readonly status?: number;
  readonly code?: string;
  readonly param?: string;
}

/** Holds a response to what every refusal of ours is. Returns its message. */
export async function expectRefusal(response: Response, { status, code, param }: ExpectedRefusal): Promise<string> {
  const text = await response.text();
  const about = `${response.status} ${text.slice(0, 500)}`;
  expect(response.status, about).toBeGreaterThanOrEqual(400);
  expect(response.status, about).toBeLessThan(500);
  expect(response.headers.get('content-type'), about).toMatch(/^application\/json\b/);
  expect(response.headers.get(HEADERS.traceId), about).toMatch(/^[0-9a-f]{32}$/);
  expect(response.headers.get(HEADERS.shouldRetry), about).toBe('false');
  const { error } = Refusal.parse(JSON.parse(text));
  expect(response.headers.get(HEADERS.errorCode)).toBe(error.code);
  expect({
    ...(status === undefined ? {} : { status: response.status }),
    ...(code === undefined ? {} : { code: error.code }),
    ...(param === undefined ? {} : { param: error.param }),
  }).toEqual({
    ...(status === undefined ? {} : { status }),
    ...(code === undefined ? {} : { code }),
    ...(param === undefined ? {} : { param }),
  });
  return error.message;
}
