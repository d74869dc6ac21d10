import type { Buffer } from 'node:buffer';
import { type FileHandle, open } from 'node:fs/promises';
import type { LogLine } from '@rubot/contracts/log';
import { RubotError } from '@rubot/errors';
import { parseLogText } from '../parse-lines.ts';
import type { TraceSource } from '../source.ts';
import { GATEWAY_SERVICE } from '../trace.ts';
import { ROTATED_FILES, toFileName } from './log-files.ts';
import { readLinesBackward } from './read-lines-backward.ts';

const MAX_RUN_LINES = 20;
/** Lines this much older than a trace's first span cannot be of it, even where clocks differ. */
const CLOCK_MARGIN_MS = 60_000;

/** The store that the local stack writes, newest lines first; a torn last line and lines of others do no harm. */
export function createLocalSource(path: string): TraceSource {
  return {
    name: `the log store ${path}`,
    async findLines(traceId) {
      const found: LogLine[] = [];
      for await (const batch of readStore(path)) {
        found.push(...pickLines(batch, traceId).filter((line) => line.trace_id === traceId));
        if (liesBefore(batch.at(-1), found)) break;
      }
      return found;
    },
    async findLinesOfRun(runId) {
      const found: LogLine[] = [];
      for await (const batch of readStore(path)) {
        found.push(...pickLines(batch, runId));
        if (found.length >= MAX_RUN_LINES) break;
      }
      return found;
    },
  };
}

/** Looks at bytes before it parses: all but a few lines of a store are of other requests. */
function pickLines(batch: readonly Buffer[], id: string): readonly LogLine[] {
  return batch.filter((line) => line.includes(id)).flatMap((line) => parseLogText(line.toString('utf8')));
}

/** True once reading on cannot find more: the trace's first span is known, and the file is at lines from before it. */
function liesBefore(oldest: Buffer | undefined, found: readonly LogLine[]): boolean {
  const first = found.find((line) => line.service === GATEWAY_SERVICE && line.extra?.['span_kind'] === 'server');
  const [line] = first === undefined || oldest === undefined ? [] : parseLogText(oldest.toString('utf8'));
  if (first === undefined || line === undefined) return false;
  return Date.parse(line.timestamp) < Date.parse(first.timestamp) - (first.duration_ms ?? 0) - CLOCK_MARGIN_MS;
}

async function* readStore(path: string): AsyncGenerator<readonly Buffer[], void, undefined> {
  let exists = false;
  for (let index = 0; index <= ROTATED_FILES; index += 1) {
    const file = await openIfPresent(toFileName(path, index));
    if (file === undefined) continue;
    exists = true;
    try {
      yield* readLinesBackward(file);
    } finally {
      await file.close();
    }
  }
  if (!exists) throw new RubotError('not_found', `There is no log store at ${path}. Start the stack with: npm start`);
}

async function openIfPresent(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
    throw thrown;
  }
}
