import type { BenchResult, LatencyResult, ThroughputResult } from './measure.ts';
import type { ChunkFidelity } from './measures/chunk-fidelity.ts';
import { REQUESTS_PER_SECOND, STREAMS_PER_SECOND } from './measures/latency.ts';
import { CONNECTIONS } from './measures/throughput.ts';
import type { Spread } from './statistics.ts';
import { BURST_TOKENS, PACE_MS, PACED_TOKENS } from './upstream/answers.ts';

/** What was measured where: figures of two machines, or of two loads, are not comparable. */
export interface Circumstances {
  readonly node: string;
  readonly workerdCompatibilityDate: string;
  readonly cores: number;
  readonly processor: string;
  readonly loadAverage: number;
  readonly tookSeconds: number;
}

type Row = readonly string[];

export function renderReport(result: BenchResult, circumstances: Circumstances): string {
  const { node, workerdCompatibilityDate, cores, processor, loadAverage, tookSeconds } = circumstances;
  return [
    'rubot bench: the gateway in raw workerd against a bare pass-through Worker, in alternating rounds',
    `workerd ${workerdCompatibilityDate}, Node ${node}, ${cores} × ${processor}, load average ${loadAverage.toFixed(1)} before; took ${tookSeconds.toFixed(0)} s`,
    `In the gateway everything is on: key, identity, session, a bearer minted for each request, ${result.logLinesPerRequest.toFixed(1)} log lines a request.`,
    'Sessions are resolved through the service binding by a stand-in Worker, as D1 does not run in raw workerd.',
    'Ratios and added times: median of paired rounds (smallest – largest).',
    '',
    ...renderThroughput(`Whole answers, ${CONNECTIONS} connections, closed loop`, 'requests/s', result.whole),
    '',
    ...renderThroughput(
      `Streams of ${BURST_TOKENS} tokens written at once, ${CONNECTIONS} connections, closed loop`,
      'streams/s',
      result.streamed,
    ),
    '',
    ...renderLatency(`Whole answers at ${REQUESTS_PER_SECOND} requests/s, open loop`, result.latency),
    '',
    ...renderLatency(`Time to the first token at ${STREAMS_PER_SECOND} streams/s, open loop`, result.firstToken),
    '',
    ...renderChunks(result.chunks),
    '',
  ].join('\n');
}

function renderThroughput(title: string, unit: string, results: Readonly<Record<string, ThroughputResult>>): readonly string[] {
  const rows = Object.entries(results).map(([name, { requestsPerSecond, cpuMicrosecondsPerRequest, ratio }]) => [
    name,
    requestsPerSecond.toFixed(0),
    cpuMicrosecondsPerRequest === undefined ? '–' : `${cpuMicrosecondsPerRequest.toFixed(0)} µs`,
    showSpread(ratio, 2),
  ]);
  return renderTable([[title, unit, 'CPU each', 'ratio to pass-through'], ...rows]);
}

function renderLatency(title: string, results: Readonly<Record<string, LatencyResult>>): readonly string[] {
  const rows = Object.entries(results).map(([name, { p50Ms, p99Ms, addedP50Ms, addedP99Ms }]) => [
    name,
    `${p50Ms.toFixed(2)} ms`,
    `${p99Ms.toFixed(2)} ms`,
    `${showSpread(addedP50Ms, 2)} ms`,
    `${showSpread(addedP99Ms, 2)} ms`,
  ]);
  return renderTable([[title, 'p50', 'p99', 'added p50', 'added p99'], ...rows]);
}

function renderChunks(results: Readonly<Record<string, ChunkFidelity>>): readonly string[] {
  const rows = Object.entries(results).map(([name, { streams, fewestChunks, mostChunks, p50DelayMs, maxDelayMs }]) => [
    name,
    fewestChunks === mostChunks ? String(mostChunks) : `${fewestChunks} – ${mostChunks}`,
    String(streams),
    `${p50DelayMs.toFixed(2)} ms`,
    `${maxDelayMs.toFixed(2)} ms`,
  ]);
  return renderTable([[`${PACED_TOKENS} chunks, ${PACE_MS} ms apart`, 'arrive as', 'streams', 'delay p50', 'longest'], ...rows]);
}

function showSpread({ median, min, max }: Spread, digits: number): string {
  return `${median.toFixed(digits)} (${min.toFixed(digits)} – ${max.toFixed(digits)})`;
}

/** The first column to the left, figures to the right; a rule under the head. */
function renderTable(rows: readonly Row[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) => row.map((cell, column) => pad(cell, widths[column] ?? 0, column)).join('  '));
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  return [...lines.slice(0, 1), rule, ...lines.slice(1)];
}

function pad(cell: string, width: number, column: number): string {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width);
}
