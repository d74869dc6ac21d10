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
    client.pipe(worker, { end: false });
    worker.pipe(client);
    client.on('end', () => worker.resetAndDestroy());
    client.on('close', () => {
      clients.delete(client);
      worker.resetAndDestroy();
    });
    // workerd may answer and close while the client still sends; to destroy the client's socket now would lose the answer.
    worker.on('close', () => {
      client.unpipe(worker);
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

// A reset is what the front is for; its 'close' event does the rest.
function ignoreReset(): void {}
