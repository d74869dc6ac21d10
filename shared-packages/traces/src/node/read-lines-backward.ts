import { Buffer } from 'node:buffer';
import type { FileHandle } from 'node:fs/promises';

const CHUNK_BYTES = 262_144;
const LINE_FEED = 0x0a;

/** The lines of a file from its end to its beginning, in batches, newest line first; what is appended meanwhile is not seen. */
export async function* readLinesBackward(file: FileHandle): AsyncGenerator<readonly Buffer[], void, undefined> {
  let position = (await file.stat()).size;
  // Pieces of the line whose beginning has not been read yet, the last piece first.
  let pieces: Buffer[] = [];
  while (position > 0) {
    const size = Math.min(CHUNK_BYTES, position);
    position -= size;
    const chunk = await readChunk(file, position, size);
    const { lines, head } = splitChunk(chunk, pieces);
    pieces = lines.length === 0 ? [...pieces, head] : [head];
    if (lines.length > 0) yield lines;
  }
  yield [joinPieces(pieces)];
}

async function readChunk(file: FileHandle, position: number, size: number): Promise<Buffer> {
  const chunk = Buffer.allocUnsafe(size);
  let filled = 0;
  while (filled < size) {
    const { bytesRead } = await file.read(chunk, filled, size - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return chunk.subarray(0, filled);
}

interface SplitChunk {
  /** Whole lines, newest first. */
  readonly lines: readonly Buffer[];
  /** What stands before the first line break: the end of a line that began earlier. */
  readonly head: Buffer;
}

function splitChunk(chunk: Buffer, pieces: readonly Buffer[]): SplitChunk {
  const lines: Buffer[] = [];
  let head = chunk;
  for (let lineFeed = head.lastIndexOf(LINE_FEED); lineFeed !== -1; lineFeed = head.lastIndexOf(LINE_FEED)) {
    const line = head.subarray(lineFeed + 1);
    lines.push(lines.length === 0 ? joinPieces([...pieces, line]) : line);
    head = head.subarray(0, lineFeed);
  }
  return { lines, head };
}

function joinPieces(pieces: readonly Buffer[]): Buffer {
  return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces.toReversed());
}
