import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import type { LogLine } from '@rubot/contracts/log';
import { describe, expect, it, vi } from 'vitest';
import { writeToConsole } from './console-sink.ts';
import { createPinoSink } from './pino-sink.ts';

const SPAN_NAME = 'GET /\u2028{"service":"forged"}\u2029\u0085\u009b2K\u007f"\\\n\ud800é💥';
const LINE: LogLine = {
  timestamp: '2026-01-01T00:00:00.000Z',
  log_level: 'info',
  service: 'rubot-test',
  environment: 'test',
  deployment_hash: 'test',
  event_type: 'request.completed',
  message: 'request answered',
  extra: { span_name: SPAN_NAME },
};

async function readLines(text: string): Promise<readonly string[]> {
  const stream = new PassThrough();
  stream.end(text);
  const lines: string[] = [];
  for await (const line of createInterface({ input: stream })) lines.push(line);
  return lines;
}

async function printByConsole(): Promise<string> {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  writeToConsole(LINE);
  const [[text]] = log.mock.calls as [[string]];
  log.mockRestore();
  return `${text}\n`;
}

async function printByPino(): Promise<string> {
  const destination = new PassThrough();
  createPinoSink(destination)(LINE);
  return String(destination.read());
}

describe.each([
  ['console', printByConsole],
  ['pino', printByPino],
])('what the %s sink prints', (_, print) => {
  it('is one line for every reader of lines, and nothing that a terminal obeys', async () => {
    const text = await print();
    const [line = '', ...rest] = await readLines(text);
    expect(rest).toEqual([]);
    expect(JSON.parse(line)).toMatchObject({ service: 'rubot-test', extra: { span_name: SPAN_NAME } });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it looks for them
    expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
  });
});
