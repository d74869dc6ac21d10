import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { ConnectionBindings } from '@rubot/http/base-app';
import { createNodeServer } from '@rubot/http/node/server';
import { createSseResponse, type SseFrame } from '@rubot/http/sse-response';

const stallTimeoutMs = Number(process.argv[2]);
const words = 'x'.repeat(12_288);
const ends: Record<string, number> = {};
let framesMade = 0;

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

async function* makeFrames(count: number): AsyncGenerator<SseFrame, void, undefined> {
  for (let id = 1; id <= count; id += 1) {
    // As whatever makes frames in earnest, it lets others have their turn.
    await new Promise((resolve) => setImmediate(resolve));
    framesMade += 1;
    yield { id, data: words };
  }
}

function stream(count: number, { disconnect }: ConnectionBindings): Response {
  return createSseResponse({
    frames: makeFrames(count),
    heartbeatMs: 15_000,
    stallTimeoutMs,
    disconnect,
    onEnd(error) {
      const end = error?.code ?? 'whole';
      ends[end] = (ends[end] ?? 0) + 1;
    },
  });
}

/** Streams for as long as they are read, and what they cost. */
const server = createNodeServer({
  fetch(request, bindings) {
    const { pathname } = new URL(request.url);
    if (pathname === '/endless') return stream(Number.POSITIVE_INFINITY, bindings);
    if (pathname === '/short') return stream(1_000, bindings);
    collectGarbage();
    const { heapUsed, external } = process.memoryUsage();
    return Response.json({ bytes: heapUsed + external, framesMade, ends, connections: connections.size });
  },
});
const connections = new Set<unknown>();
server.on('connection', (socket) => {
  connections.add(socket);
  socket.on('close', () => connections.delete(socket));
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`);
});
