export interface SplitFrames {
  /** Zero or more frames, each with its closing blank line. */
  readonly whole: Uint8Array;
  /** The start of a frame whose end has not arrived. */
  readonly partial: Uint8Array;
}

const LINE_FEED = 0x0a;
const NOTHING = new Uint8Array();

/**
 * Cuts bytes of a stream of `\n\n`-framed events after the last whole frame. In the common case, a chunk that
 * holds whole frames, the chunk itself comes back and no byte is copied.
 */
export function splitWholeFrames(partial: Uint8Array, chunk: Uint8Array): SplitFrames {
  const bytes = partial.byteLength === 0 ? chunk : concatenate(partial, chunk);
  const end = endOfLastFrame(bytes);
  if (end === bytes.byteLength) return { whole: bytes, partial: NOTHING };
  return { whole: bytes.subarray(0, end), partial: bytes.subarray(end) };
}

function endOfLastFrame(bytes: Uint8Array): number {
  for (let index = bytes.byteLength - 1; index > 0; index -= 1) {
    if (bytes[index] === LINE_FEED && bytes[index - 1] === LINE_FEED) return index + 1;
  }
  return 0;
}

function concatenate(left: Uint8Array, right: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(left.byteLength + right.byteLength);
  bytes.set(left);
  bytes.set(right, left.byteLength);
  return bytes;
}
