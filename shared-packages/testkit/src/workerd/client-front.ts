import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface ClientFront {
  readonly port: number;
  close(): Promise<void>;
}

export interface ClientFrontOptions {
  readonly listenPort: number;
  readonly workerPort: number;
}

/**
 * Stands before workerd as Cloudflare's edge does. workerd alone does not notice that a client has closed its side
 * until it writes to it, so nothing would stop a model call that is silent; the front turns the close into a reset.
 */
export async function startClientFront({ listenPort, workerPort }: ClientFrontOptions): Promise<ClientFront> {
  const clients = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const worker = connect({ port: workerPort, host: '127.0.0.1', noDelay: true });
    clients.add(client);
    client.on('error', ignoreReset);
    worker.on('error', ignoreReset);
    client.on('data', createForwarder(client, worker));
    worker.pipe(client);
    client.on('end', () => worker.resetAndDestroy());
    client.on('close', () => {
      clients.delete(client);
      worker.resetAndDestroy();
    });
    // workerd may answer and close while the client still sends; to destroy the client's socket now would lose the answer.
    worker.on('close', () => {
      client.end();
      client.resume();
    });
  });
  server.listen(listenPort, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const client of clients) client.destroy();
      await closed;
    },
  };
}

/** What one read of a socket gives at most: a request that fits is passed on at once. */
const SMALL_REQUEST_BYTES = 65_536;
const PAUSE_MS = 5;
const CONTENT_LENGTH = /\r\ncontent-length: *(\d+)/i;

/**
 * Passes on what the client sends; a large body with a breath between its pieces. A worker that refuses a body answers and
 * then resets, and a piece that is written into that reset would throw the answer away before it is read.
 */
function createForwarder(client: Socket, worker: Socket): (chunk: Buffer) => void {
  let unansweredBytes = 0;
  let isLarge = false;
  worker.on('data', () => {
    unansweredBytes = 0;
    isLarge = false;
  });

  function write(chunk: Buffer): void {
    if (worker.destroyed || worker.write(chunk)) client.resume();
    else worker.once('drain', () => client.resume());
  }

  return function forward(chunk) {
    client.pause();
    // After the pause once through the poll phase: a timer that is late comes before what has long arrived.
    if (isLarge) setTimeout(() => setImmediate(write, chunk), PAUSE_MS);
    else write(chunk);
    const declared = unansweredBytes === 0 ? Number(CONTENT_LENGTH.exec(chunk.toString('latin1'))?.[1] ?? 0) : 0;
    unansweredBytes += chunk.byteLength;
    isLarge ||= Math.max(declared, unansweredBytes) > SMALL_REQUEST_BYTES;
  };
}

// A reset is what the front is for; its 'close' event does the rest.
function ignoreReset(): void {}
