/** Takes bytes of a stream of `\n\n`-framed events as they come, gives whole frames. */
export interface FrameSplitter {
  /** The whole frames that a chunk completes, or `undefined` when it completes none. */
  push(chunk: Uint8Array): Uint8Array | undefined;
  /** Bytes of a frame whose end has not come. */
  partialBytes(): number;
}

const LINE_FEED = 0x0a;

/**
 * In the common case, a chunk that holds whole frames, the chunk itself comes back and no byte is copied. Each byte is
 * looked at once and copied at most once, however small the pieces of a long frame are.
 */
export function createFrameSplitter(): FrameSplitter {
  let pieces: Uint8Array[] = [];
  let size = 0;

  function keep(piece: Uint8Array): void {
    if (piece.byteLength === 0) return;
    pieces.push(piece);
    size += piece.byteLength;
  }

  return {
    push(chunk) {
      const end = endOfLastFrame(chunk, pieces.at(-1)?.at(-1));
      if (end === 0) {
        keep(chunk);
        return undefined;
      }
      const head = end === chunk.byteLength ? chunk : chunk.subarray(0, end);
      const whole = pieces.length === 0 ? head : concatenate([...pieces, head], size + end);
      pieces = [];
      size = 0;
      keep(chunk.subarray(end));
      return whole;
    },
    partialBytes: () => size,
  };
}

/** Index behind the last blank line, or 0. @param before the byte before the chunk, as a blank line may be cut in two */
function endOfLastFrame(chunk: Uint8Array, before: number | undefined): number {
  for (let index = chunk.byteLength - 1; index > 0; index -= 1) {
    if (chunk[index] === LINE_FEED && chunk[index - 1] === LINE_FEED) return index + 1;
  }
  return chunk[0] === LINE_FEED && before === LINE_FEED ? 1 : 0;
}

function concatenate(pieces: readonly Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const piece of pieces) {
    bytes.set(piece, offset);
    offset += piece.byteLength;
  }
  return bytes;
}
