import { renderTable, showSpread } from '../table.ts';
import type { ChunkFidelity } from './chunk-fidelity.ts';
import { REQUESTS_PER_SECOND, STREAMS_PER_SECOND } from './latency.ts';
import type { BenchResult, LatencyResult, ThroughputResult } from './measure.ts';
import { BURST_TOKENS, PACE_MS, PACED_TOKENS } from './orchestrator-answers.ts';
import { CONNECTIONS } from './throughput.ts';

export function renderReport(result: BenchResult, compatibilityDate: string): readonly string[] {
  return [
    'the gateway in raw workerd against a bare pass-through Worker, in alternating rounds',
    `workerd ${compatibilityDate}. In the gateway everything is on: key, identity, session, a bearer minted for each request, ${result.logLinesPerRequest.toFixed(1)} log lines a request.`,
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
  ];
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
