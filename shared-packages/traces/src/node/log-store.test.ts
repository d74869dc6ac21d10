import { appendFile, mkdtemp, open, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RUN_ID, recordCompletion } from '../../tests/sample-trace.ts';
import { buildTrace } from '../build-trace.ts';
import { loadTrace } from '../source.ts';
import { createLocalSource } from './log-reader.ts';
import { createLogWriter, type LogWriter } from './log-writer.ts';
import { readLinesBackward } from './read-lines-backward.ts';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rubot-log-store-'));
  path = join(directory, 'logs', 'rubot.ndjson');
});
afterEach(() => rm(directory, { recursive: true }));

function failOn(error: Error): void {
  throw error;
}

function openWriter(maxKilobytes?: number): LogWriter {
  return createLogWriter({ path, onError: failOn, ...(maxKilobytes === undefined ? {} : { maxKilobytes }) });
}

describe('the local log store', () => {
  it('gives back the trace that was written among others', async () => {
    const samples = Array.from({ length: 50 }, () => recordCompletion());
    const writer = openWriter();
    for (const line of samples.flatMap(({ lines }) => lines)) writer.write(JSON.stringify(line));
    await writer.close();
    for (const { traceId, lines } of samples) {
      expect(await loadTrace(createLocalSource(path), traceId)).toEqual(buildTrace(traceId, lines));
    }
  });

  it.each([RUN_ID, RUN_ID.replace('run_', 'chatcmpl-')])('finds the trace of %s', async (id) => {
    const { traceId, lines } = recordCompletion();
    const writer = openWriter();
    for (const line of lines) writer.write(JSON.stringify(line));
    await writer.close();
    expect((await loadTrace(createLocalSource(path), id))?.traceId).toBe(traceId);
  });

  it('does not mind torn lines, lines of others, and what stands after them', async () => {
    const { traceId, lines } = recordCompletion();
    const torn = JSON.stringify(lines[0]).slice(0, 200);
    const first = openWriter();
    first.write('Listening on http://127.0.0.1:8787');
    first.write('{"level":30,"msg":"not ours"}');
    await first.close();
    await appendFile(path, torn);
    const second = openWriter();
    for (const line of lines) second.write(JSON.stringify(line));
    await second.close();
    await appendFile(path, torn);
    expect(await loadTrace(createLocalSource(path), traceId)).toEqual(buildTrace(traceId, lines));
  });

  it('rotates, keeps few files, and finds what lies in a rotated one', async () => {
    const early = recordCompletion();
    const late = recordCompletion();
    const writer = openWriter(8);
    for (const line of [...early.lines, ...late.lines]) writer.write(JSON.stringify(line));
    await writer.close();
    expect((await readdir(join(directory, 'logs'))).length).toBeGreaterThan(1);
    expect(await loadTrace(createLocalSource(path), early.traceId)).toBeDefined();

    const busy = openWriter(8);
    for (const { lines } of Array.from({ length: 20 }, () => recordCompletion()))
      for (const line of lines) busy.write(JSON.stringify(line));
    await busy.close();
    const files = await readdir(join(directory, 'logs'));
    expect(files.sort()).toEqual(['rubot.ndjson', 'rubot.ndjson.1', 'rubot.ndjson.2', 'rubot.ndjson.3']);
    for (const file of files) expect((await stat(join(directory, 'logs', file))).size).toBeLessThan(16_384);
    expect(await loadTrace(createLocalSource(path), early.traceId)).toBeUndefined();
  });

  it('is readable by its owner only', async () => {
    const writer = openWriter();
    await writer.close();
    expect((await stat(path)).mode & 0o077).toBe(0);
  });

  it('stops reading where the trace began', async () => {
    const { traceId, lines } = recordCompletion();
    const hourAgo = { ...lines[0]!, timestamp: '2026-11-21T08:00:00.000Z' };
    const filler = `${JSON.stringify({ ...hourAgo, extra: { filler: 'x'.repeat(1_000) } })}\n`.repeat(2_000);
    await openWriter().close();
    // A line of the same trace that is older than its root by an hour is not looked for.
    await writeFile(path, `${JSON.stringify(hourAgo)}\n${filler.replaceAll(traceId, 'f'.repeat(32))}`);
    await appendFile(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    expect(await createLocalSource(path).findLines(traceId)).toHaveLength(lines.length);
  });

  it('says how to start a stack when there is none', async () => {
    await expect(loadTrace(createLocalSource(path), 'a'.repeat(32))).rejects.toThrow(/npm start/);
  });

  it('reports a store that cannot be written, once', async () => {
    await writeFile(join(directory, 'logs'), 'a file where the folder should be');
    const { promise, resolve } = Promise.withResolvers<Error>();
    const writer = createLogWriter({ path, onError: resolve });
    writer.write('{}');
    expect((await promise).message).toContain(path);
    writer.write('{}');
    await writer.close();
  });
});

describe('readLinesBackward', () => {
  it('reads every line of every file, last first', async () => {
    const line = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.integer({ min: 0, max: 600_000 }).map((length) => 'é'.repeat(length / 2)),
    );
    const file = join(directory, 'lines');
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 20 }), async (lines) => {
        const text = lines.map((each) => each.replaceAll('\n', ' ')).join('\n');
        await writeFile(file, text);
        const handle = await open(file);
        const read: string[] = [];
        for await (const batch of readLinesBackward(handle)) read.push(...batch.map(String));
        await handle.close();
        expect(read.reverse().join('\n') === text).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});
