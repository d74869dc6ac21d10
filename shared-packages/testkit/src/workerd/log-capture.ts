import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

export interface LogCapture {
  /** A line that begins as JSON does: what a service of ours logged. */
  readonly onLine: (line: string) => void;
  /** Whatever else a runtime prints: warnings, crashes. */
  readonly onNoise: (line: string) => void;
}

/** workerd prints what all Workers log in one stream; the lines themselves name their service. */
export function captureLines(stream: Readable, { onLine, onNoise }: LogCapture): void {
  createInterface({ input: stream }).on('line', (line) => {
    if (line.startsWith('{')) onLine(line);
    else if (line.trim() !== '') onNoise(line);
  });
}
