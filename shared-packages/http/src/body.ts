import { RubotError } from '@rubot/errors';

export interface ReadBodyLimits {
  readonly maxBytes: number;
}

/** Deepest JSON that is taken: real tool schemas stay under 20, and recursive code overflows at some thousands. */
const MAX_JSON_DEPTH = 64;

/** A body that has been read once: its bytes to pass on untouched, its value to look at. */
export interface JsonBody<Value = unknown> {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly value: Value;
}

/**
 * Reads and parses a JSON body; never holds more than `maxBytes` and one chunk.
 *
 * @throws RubotError `payload_too_large`, `unsupported_media_type`, `invalid_request`
 */
export async function readJsonBody(request: Request, limits: ReadBodyLimits): Promise<JsonBody> {
  const contentType = request.headers.get('content-type');
  if (contentType !== null && !/^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(contentType)) {
    throw new RubotError('unsupported_media_type', 'The body must be JSON. Send content-type: application/json.');
  }
  const bytes = await readBytes(request, limits);
  return { bytes, value: parseJson(bytes) };
}

/** @throws RubotError `payload_too_large`, before the rest of the body is read */
export async function readBytes(source: Request | Response, { maxBytes }: ReadBodyLimits): Promise<Uint8Array<ArrayBuffer>> {
  const declaredBytes = readDeclaredLength(source.headers);
  if (declaredBytes === undefined) return readChunks(source, maxBytes);
  if (declaredBytes > maxBytes) {
    await source.body?.cancel().catch(ignoreCancelFailure);
    throw tooLarge(maxBytes);
  }
  // A reader costs several times as much: workerd makes a fresh buffer for each of its reads.
  const bytes = new Uint8Array(await source.arrayBuffer());
  if (bytes.byteLength > maxBytes) throw tooLarge(maxBytes);
  return bytes;
}

/**
 * The length that the connection holds the sender to. Beside a transfer encoding a declared length means nothing
 * (RFC 9112 §6.3), and beside a content encoding it is not the length of what is read.
 */
function readDeclaredLength(headers: Headers): number | undefined {
  const length = headers.get('content-length');
  if (length === null || !/^\d+$/.test(length)) return undefined;
  return headers.has('transfer-encoding') || headers.has('content-encoding') ? undefined : Number(length);
}

async function readChunks({ body }: Request | Response, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  if (body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader: ReadableStreamDefaultReader<Uint8Array> = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.byteLength;
    if (size > maxBytes) {
      await reader.cancel().catch(ignoreCancelFailure);
      throw tooLarge(maxBytes);
    }
    chunks.push(value);
  }
  return concatenate(chunks, size);
}

// The sender may already be gone; the refusal stands either way.
function ignoreCancelFailure(): void {}

function concatenate(chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

function tooLarge(maxBytes: number): RubotError {
  return new RubotError('payload_too_large', `The body is larger than ${maxBytes} bytes. Send fewer or shorter messages.`);
}

/** @throws RubotError `invalid_request` for bad UTF-8, bad JSON, a depth over 64, or a `__proto__` key */
export function parseJson(bytes: Uint8Array): unknown {
  const text = decodeUtf8(bytes);
  if (text.trim() === '') throw new RubotError('invalid_request', 'The body is empty. Send a JSON object.');
  const value = parseText(text);
  assertPlain(value);
  return value;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new RubotError('invalid_request', 'The body is not valid UTF-8. Encode it as UTF-8 JSON.', { cause });
  }
}

function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the body, so neither a caller nor a log is given it.
    throw new RubotError('invalid_request', 'The body is not valid JSON. Check quotes, commas and brackets.');
  }
}

/** More than any conversation holds, or any insert of rows; a schema that is broken in each of a million places takes seconds to say so. */
const MAX_JSON_VALUES = 40_000;

/** Walks level by level, as a hostile depth would overflow the stack of a recursive check. */
function assertPlain(root: unknown): void {
  let level = collectContainers([root], []);
  let valueCount = 0;
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > MAX_JSON_DEPTH) {
      throw new RubotError('invalid_request', `The body nests deeper than ${MAX_JSON_DEPTH} levels. Flatten it.`);
    }
    const next: object[] = [];
    for (const container of level) {
      if (Object.hasOwn(container, '__proto__')) {
        throw new RubotError('invalid_request', 'The body has a key named __proto__. Remove it.', { param: '__proto__' });
      }
      const values = Array.isArray(container) ? container : Object.values(container);
      valueCount += values.length;
      collectContainers(values, next);
    }
    if (valueCount > MAX_JSON_VALUES) {
      throw new RubotError('invalid_request', `The body holds more than ${MAX_JSON_VALUES} values. Send fewer at once.`);
    }
    level = next;
  }
}

function collectContainers(values: readonly unknown[], found: object[]): object[] {
  for (const value of values) if (typeof value === 'object' && value !== null) found.push(value);
  return found;
}
