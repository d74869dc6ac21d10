import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A listener on loopback that stands before a Worker as Cloudflare's edge does. */
export interface EdgeFront {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * workerd does not notice that a client has closed its side, only a reset or a failed write; the edge in front of
 * it does in production. So this front turns the one into the other, byte for byte otherwise, or an abort in a
 * silent moment would never reach the model.
 *
 * @throws Error with `code` `EADDRINUSE` when the port is taken
 */
export async function startEdgeFront({ port, target }: { readonly port: number; readonly target: URL }): Promise<EdgeFront> {
  const clients = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    clients.add(client);
    join(client, connect({ host: target.hostname, port: Number(target.port), noDelay: true }));
    client.on('close', () => clients.delete(client));
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      for (const client of clients) client.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function join(client: Socket, worker: Socket): void {
  client.on('error', () => {});
  worker.on('error', () => {});
  client.pipe(worker, { end: false });
  worker.pipe(client);
  client.on('end', () => worker.resetAndDestroy());
  client.on('close', () => worker.resetAndDestroy());
  worker.on('close', () => client.destroy());
}
