import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { type CompletionClient, createCompletionClient } from '../measures/post-completion.ts';
import { percentile } from '../statistics.ts';
import type { Target } from '../targets/target.ts';
import { toGatewayBody } from './answers.ts';
import { PACE_MS, PACED_TOKENS, WRITTEN_AT_NS } from './orchestrator-answers.ts';

export interface ChunkFidelity {
  readonly streams: number;
  /** The fewest and the most chunks that one stream of 20 arrived in. */
  readonly fewestChunks: number;
  readonly mostChunks: number;
  /** From the moment the upstream wrote a token until its last byte was here. */
  readonly p50DelayMs: number;
  readonly maxDelayMs: number;
}

interface ReceivedStream {
  readonly chunks: number;
  readonly delaysMs: readonly number[];
}

const STREAMS = 16;
const STAGGER_MS = 7;
const PacedToken = z.looseObject({ [WRITTEN_AT_NS]: z.string() });

/** Whether tokens that are written 50 ms apart arrive one by one and when they were written; on several streams at once. */
export async function measureChunkFidelity(target: Target): Promise<ChunkFidelity> {
  const client = createCompletionClient(target);
  try {
    const received = await Promise.all(Array.from({ length: STREAMS }, (_, index) => receiveStream(client, index)));
    const delaysMs = received.flatMap((stream) => stream.delaysMs);
    const chunks = received.map((stream) => stream.chunks);
    return {
      streams: STREAMS,
      fewestChunks: Math.min(...chunks),
      mostChunks: Math.max(...chunks),
      p50DelayMs: percentile(delaysMs, 50),
      maxDelayMs: Math.max(...delaysMs),
    };
  } finally {
    await client.close();
  }
}

async function receiveStream(client: CompletionClient, index: number): Promise<ReceivedStream> {
  await sleep((index * STAGGER_MS) % PACE_MS);
  const delaysMs: number[] = [];
  let chunks = 0;
  let text = '';
  await client.post(toGatewayBody('paced'), index, (chunk) => {
    const arrivedNs = process.hrtime.bigint();
    chunks += 1;
    const frames = (text + chunk.toString()).split('\n\n');
    text = frames.pop() ?? '';
    for (const frame of frames) {
      const writtenNs = readWrittenAt(frame);
      if (writtenNs !== undefined) delaysMs.push(Number(arrivedNs - writtenNs) / 1_000_000);
    }
  });
  if (delaysMs.length !== PACED_TOKENS) throw new Error(`${delaysMs.length} of ${PACED_TOKENS} tokens arrived`);
  return { chunks, delaysMs };
}

function readWrittenAt(frame: string): bigint | undefined {
  const data = frame.replace(/^data: /, '');
  if (!data.startsWith('{')) return undefined;
  const token = PacedToken.safeParse(JSON.parse(data));
  return token.success ? BigInt(token.data[WRITTEN_AT_NS]) : undefined;
}
