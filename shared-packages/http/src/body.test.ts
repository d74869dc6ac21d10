import { describe, expect, it } from 'vitest';
import { parseJson, readBytes } from './body.ts';

const MAX_BYTES = 1_000;

/** A request whose body is given in pieces; `taken` counts the bytes that were asked for. */
function createRequest(pieces: readonly number[], headers: Record<string, string> = {}): { request: Request; taken: () => number } {
  const queue = [...pieces];
  let taken = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const size = queue.shift();
        if (size === undefined) return controller.close();
        taken += size;
        controller.enqueue(new Uint8Array(size).fill(0x20));
      },
    },
    { highWaterMark: 0 },
  );
  const request = new Request('http://gateway.test/', { method: 'POST', body, headers, duplex: 'half' } as RequestInit);
  return { request, taken: () => taken };
}

function read(request: Request): Promise<Uint8Array> {
  return readBytes(request, { maxBytes: MAX_BYTES });
}

describe('readBytes', () => {
  it.each([
    ['with its length declared', { 'content-length': '900' }],
    ['without a length', {}],
    ['with a transfer encoding', { 'transfer-encoding': 'chunked' }],
  ])('reads a body of several pieces %s', async (_how, headers) => {
    expect((await read(createRequest([300, 300, 300], headers).request)).byteLength).toBe(900);
  });

  it('refuses a declared length over the limit before it reads', async () => {
    const { request, taken } = createRequest([2_000], { 'content-length': '2000' });
    await expect(read(request)).rejects.toMatchObject({ code: 'payload_too_large' });
    expect(taken()).toBe(0);
  });

  it.each([
    ['no length', {}],
    ['a length that the transfer encoding overrules', { 'content-length': '5', 'transfer-encoding': 'chunked' }],
    ['the length of what is compressed', { 'content-length': '5', 'content-encoding': 'gzip' }],
    ['a length that is no number', { 'content-length': '5, 5' }],
  ])('stops reading at the limit with %s', async (_what, headers) => {
    const { request, taken } = createRequest(Array<number>(20).fill(400), headers);
    await expect(read(request)).rejects.toMatchObject({ code: 'payload_too_large' });
    expect(taken()).toBe(1_200);
  });

  it('refuses a body that is longer than its length says', async () => {
    await expect(read(createRequest([2_000], { 'content-length': '5' }).request)).rejects.toMatchObject({ code: 'payload_too_large' });
  });

  it('gives no bytes for a request without a body', async () => {
    expect((await read(new Request('http://gateway.test/', { method: 'POST' }))).byteLength).toBe(0);
  });
});

describe('parseJson', () => {
  function parse(text: string): unknown {
    return parseJson(new TextEncoder().encode(text));
  }

  it('takes what nests 64 levels deep, and refuses one more, in arrays and in objects', () => {
    expect(() => parse('['.repeat(64) + ']'.repeat(64))).not.toThrow();
    expect(() => parse('['.repeat(65) + ']'.repeat(65))).toThrow(/deeper than 64/);
    expect(() => parse(`${'{"a":'.repeat(65)}1${'}'.repeat(65)}`)).toThrow(/deeper than 64/);
  });

  it.each(['{"__proto__":1}', '{"messages":[{"a":{"__proto__":{}}}]}', '{"\\u005f_proto__":1}'])(
    'refuses the key __proto__ in %s',
    (text) => {
      expect(() => parse(text)).toThrow(/__proto__/);
    },
  );

  it('keeps nothing of a body that was cut inside a character for the next', () => {
    expect(() => parseJson(Uint8Array.of(0x22, 0xe2, 0x82))).toThrow(/UTF-8/);
    expect(parse('"ok"')).toBe('ok');
  });
});
