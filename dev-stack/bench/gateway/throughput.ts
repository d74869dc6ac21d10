import autocannon from 'autocannon';
import { type Identity, toIdentity } from '../conversation.ts';
import { readCpuTimeMs } from '../measures/cpu-time.ts';
import { type AnswerKind, toGatewayBody } from './answers.ts';
import type { GatewayBenchTarget } from './start-targets.ts';

export interface ThroughputTurn {
  readonly requestsPerSecond: number;
  readonly requests: number;
  readonly cpuMicrosecondsPerRequest: number | undefined;
}

export interface ThroughputOptions {
  readonly target: GatewayBenchTarget;
  readonly kind: AnswerKind;
  readonly turnMs: number;
  /** `known`: a few conversations that go on, so that their sessions are remembered. `new`: each request is a session's first. */
  readonly sessions: 'known' | 'new';
}

export const CONNECTIONS = 16;
const KNOWN_SESSIONS = 64;
const SAMPLE_MS = 50;

let newSessions = 0;

/** As many requests as the target answers over a fixed number of connections, each waiting for its answer. */
export async function measureThroughput({ target, kind, turnMs, sessions }: ThroughputOptions): Promise<ThroughputTurn> {
  const cpuBeforeMs = await readCpuTimeMs(target.processId);
  const result = await autocannon({
    url: `${target.url}/v1/chat/completions`,
    method: 'POST',
    body: toGatewayBody(kind),
    requests: sessions === 'known' ? toKnownRequests(target) : [toNewSessionRequest(target)],
    connections: CONNECTIONS,
    duration: turnMs / 1_000,
    sampleInt: SAMPLE_MS,
  });
  const cpuAfterMs = await readCpuTimeMs(target.processId);
  const failures = result.non2xx + result.errors + result.timeouts;
  if (failures > 0) throw new Error(`${failures} requests to ${target.url} failed; figures of failures would mean nothing`);
  const requests = result['2xx'];
  const tookMs = result.finish.getTime() - result.start.getTime();
  return {
    requestsPerSecond: (requests * 1_000) / tookMs,
    requests,
    cpuMicrosecondsPerRequest: toMicrosecondsPerRequest(cpuBeforeMs, cpuAfterMs, requests),
  };
}

function toMicrosecondsPerRequest(beforeMs: number | undefined, afterMs: number | undefined, requests: number): number | undefined {
  return beforeMs === undefined || afterMs === undefined ? undefined : ((afterMs - beforeMs) * 1_000) / requests;
}

function toKnownRequests({ toHeaders }: GatewayBenchTarget): autocannon.Request[] {
  return Array.from({ length: KNOWN_SESSIONS }, (_, index) => ({ headers: toHeaders(toIdentity(index)) }));
}

function toNewSessionRequest({ toHeaders }: GatewayBenchTarget): autocannon.Request {
  return { setupRequest: (request) => ({ ...request, headers: toHeaders(nextIdentity()) }) };
}

function nextIdentity(): Identity {
  newSessions += 1;
  return toIdentity(KNOWN_SESSIONS + newSessions);
}
