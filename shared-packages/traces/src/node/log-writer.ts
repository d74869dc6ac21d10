import { basename, dirname } from 'node:path';
import { createStream } from 'rotating-file-stream';
import { ROTATED_FILES, toFileName } from './log-files.ts';

export interface LogWriterOptions {
  /** The file that is written; rotated ones stand beside it as `<path>.1` and so on. */
  readonly path: string;
  /** In kilobytes, as that is what the rotation counts in. */
  readonly maxKilobytes?: number;
  /** Called at most once, as when the disk is full; nothing is written after it. */
  readonly onError: (error: Error) => void;
}

export interface LogWriter {
  /** Appends one line; `line` has no line break at its end. */
  write(line: string): void;
  /** Resolves when all lines are in the file. */
  close(): Promise<void>;
}

const DEFAULT_MAX_KILOBYTES = 32_768;

/** Appends lines of JSON to a file that never outgrows its size. The store's one writer. */
export function createLogWriter({ path, maxKilobytes = DEFAULT_MAX_KILOBYTES, onError }: LogWriterOptions): LogWriter {
  const name = basename(path);
  const stream = createStream((index) => toFileName(name, typeof index === 'number' ? index : 0), {
    path: dirname(path),
    size: `${maxKilobytes}K`,
    rotate: ROTATED_FILES,
    mode: 0o600,
  });
  let broken = false;
  stream.once('error', (error) => {
    broken = true;
    onError(new Error(`The log store ${path} cannot be written: ${error.message}`, { cause: error }));
  });
  // A writer that was killed may have left half a line; what follows must not be glued to it.
  stream.write('\n');
  return {
    write(line) {
      if (!broken) stream.write(`${line}\n`);
    },
    close() {
      return broken ? Promise.resolve() : new Promise((resolve) => stream.end(resolve));
    },
  };
}
