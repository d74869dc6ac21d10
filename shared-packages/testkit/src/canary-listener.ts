import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

/** A port of loopback that nobody has any business at. */
export interface CanaryListener {
  readonly port: number;
  /** Connections so far, whatever was sent on them. */
  readonly connectionCount: number;
  close(): Promise<void>;
}

export async function startCanaryListener(): Promise<CanaryListener> {
  const sockets = new Set<Socket>();
  let connectionCount = 0;
  const server = createServer((socket) => {
    connectionCount += 1;
    sockets.add(socket);
    // Whoever speaks to it is told nothing, and let go.
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get connectionCount() {
      return connectionCount;
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
