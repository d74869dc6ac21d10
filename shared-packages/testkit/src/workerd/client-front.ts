import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Transform } from 'node:stream';

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
    worker.pipe(createAnnouncer()).pipe(client);
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
/** Time for a worker to refuse by the head alone, also on a busy machine. */
const HEAD_PAUSE_MS = 50;
const PIECE_PAUSE_MS = 5;
const CONTENT_LENGTH = /\r\ncontent-length: *(\d+)/i;
const END_OF_HEAD = '\r\n\r\n';

/**
 * Passes on what the client sends; of a large request first the head, then the body with a breath between its pieces. A worker
 * that refuses a body answers and closes, and what it has not read by then turns its close into a reset, which can overtake
 * the answer. Cloudflare's edge takes the whole body itself.
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

  function writeAfter(pauseMs: number, chunk: Buffer): void {
    // After the pause once through the poll phase: a timer that is late comes before what has long arrived.
    setTimeout(() => setImmediate(write, chunk), pauseMs);
  }

  return function forward(chunk) {
    client.pause();
    const headBytes = unansweredBytes === 0 ? findHeadOfLargeRequest(chunk) : 0;
    if (headBytes > 0) {
      worker.write(chunk.subarray(0, headBytes));
      writeAfter(HEAD_PAUSE_MS, chunk.subarray(headBytes));
    } else if (isLarge) writeAfter(PIECE_PAUSE_MS, chunk);
    else write(chunk);
    unansweredBytes += chunk.byteLength;
    isLarge ||= headBytes > 0 || unansweredBytes > SMALL_REQUEST_BYTES;
  };
}

/** Length of the head that a chunk begins with, if it declares a large body; else 0. */
function findHeadOfLargeRequest(chunk: Buffer): number {
  const end = chunk.indexOf(END_OF_HEAD);
  if (end < 0) return 0;
  const declared = Number(CONTENT_LENGTH.exec(chunk.toString('latin1', 0, end))?.[1] ?? 0);
  return declared > SMALL_REQUEST_BYTES ? end + END_OF_HEAD.length : 0;
}

const REFUSAL = Buffer.from('HTTP/1.1 413 ');
const CONNECTION_CLOSE = Buffer.from('Connection: close\r\n');

/**
 * Passes on what the worker answers. workerd closes behind a body that it did not read, and does not say so: a client
 * would send its next request into the close.
 */
function createAnnouncer(): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (!chunk.subarray(0, REFUSAL.length).equals(REFUSAL)) return done(null, chunk);
      const statusEnd = chunk.indexOf('\r\n') + 2;
      done(null, Buffer.concat([chunk.subarray(0, statusEnd), CONNECTION_CLOSE, chunk.subarray(statusEnd)]));
    },
  });
}

// A reset is what the front is for; its 'close' event does the rest.
function ignoreReset(): void {}
