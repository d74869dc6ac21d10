import { connect } from 'node:net';
import { type FakeAgent, startFakeAgent } from '@rubot/testkit/fake-agent';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ask, gatewayHeaders, type Orchestrator, RUN_ID, startOrchestrator } from './_harness.ts';
import { readPage, readRun } from './_runs.ts';

/** More than sockets take on the way: Linux lets that of a reader who takes nothing grow up to tcp_rmem, which may be 32 MiB. */
const WORDS = Array.from({ length: 2_500 }, (_, index) => `${index} ${'x'.repeat(20_000)} `);

/** For machines that are busy with other things. */
const PATIENCE = { timeout: 30_000 };

let agent: FakeAgent;
beforeEach(async () => {
  agent = await startFakeAgent({ id: 'tables' });
  agent.onCompletion((exchange) => {
    for (const word of WORDS) exchange.sendText(word);
    exchange.finish();
  });
});
afterEach(() => agent.close());

/** A client that asks and then reads nothing. */
function askAndStall({ url }: Orchestrator, method: string, path: string, body: string): ReturnType<typeof connect> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const headers = { ...gatewayHeaders(), host: hostname, accept: 'text/event-stream', 'content-length': String(Buffer.byteLength(body)) };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`);
  socket.on('error', () => {});
  socket.pause();
  return socket;
}

it('a run whose reader takes nothing gets its slot back, and what was said can be read', async () => {
  // A look into the queue would hold the slot for a moment.
  const env = { SLOW_READER_TIMEOUT_MS: '200', WORKER_SLOTS: '1', QUEUE_POLL_MS: '3600000' };
  const orchestrator = await startOrchestrator({ agents: [agent], env });
  const body = JSON.stringify(ask('say much', { stream: true }));
  const socket = askAndStall(orchestrator, 'POST', '/v1/chat/completions', body);
  await vi.waitFor(() => expect(orchestrator.deps.slots.free('cpu')).toBe(0), PATIENCE);
  await vi.waitFor(() => expect(orchestrator.deps.slots.free('cpu')).toBe(1), PATIENCE);
  await vi.waitFor(() => expect(isCutOff(orchestrator)).toBe(true), PATIENCE);
  socket.destroy();
  expect(await readRun(orchestrator, RUN_ID)).toMatchObject({ status: 'cancelled' });
  expect((await readPage(orchestrator, RUN_ID, '?limit=2')).data[1]).toMatchObject({ type: 'chunk' });
}, 60_000);

function isCutOff({ lines }: Orchestrator): boolean {
  return lines.some(({ error }) => error?.code === 'slow_reader');
}
