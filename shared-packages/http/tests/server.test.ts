import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { createNodeServer, type NodeApp, type NodeServerOptions } from '@rubot/http/node/server';
import { describe, expect, it, onTestFinished } from 'vitest';

async function listen(app: NodeApp, options: NodeServerOptions): Promise<{ server: Server; port: number }> {
  const server = createNodeServer(app, options);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, port: (server.address() as AddressInfo).port };
}

async function send(port: number, text: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => {
    socket.destroy();
  });
  await once(socket, 'connect');
  socket.write(text);
  return socket;
}

async function readOn(socket: Socket): Promise<string> {
  let text = '';
  for await (const piece of socket.setEncoding('latin1')) text += piece;
  return text;
}

const GET = 'GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n';
const LARGE_BYTES = 33_554_432;
const large: NodeApp = { fetch: () => new Response('x'.repeat(LARGE_BYTES)) };

describe('createNodeServer', () => {
  it('cuts off a peer that takes nothing more of an answer', async () => {
    const { server, port } = await listen(large, { stallTimeoutMs: 200 });
    const accepted = once(server, 'connection');
    const socket = await send(port, GET);
    const [serverSide] = await accepted;
    await once(serverSide, 'close');
    expect((await readOn(socket)).length).toBeLessThan(LARGE_BYTES);
  });

  it('leaves alone a peer that is slow, however long it takes for all', async () => {
    const stallTimeoutMs = 400;
    const { port } = await listen(large, { stallTimeoutMs });
    const socket = await send(port, GET);
    const startedAtMs = performance.now();
    let bytes = 0;
    for await (const piece of socket) {
      const before = bytes;
      bytes += piece.length;
      if (Math.floor(bytes / 4_194_304) > Math.floor(before / 4_194_304)) await pause(stallTimeoutMs / 4);
    }
    expect(performance.now() - startedAtMs).toBeGreaterThan(stallTimeoutMs);
    expect(bytes).toBeGreaterThan(LARGE_BYTES);
  });

  it.each([
    ['headers', 'POST / HTTP/1.1\r\nhost: 127.0.0.1\r\n'],
    ['a body', 'POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 10\r\n\r\n{'],
  ])('does not wait for ever for %s', async (_, beginning) => {
    const app: NodeApp = { fetch: async (request) => new Response(await request.text()) };
    const { port } = await listen(app, { arrivalTimeoutMs: 100 });
    expect(await readOn(await send(port, beginning))).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('lends its app a way to close the connection', async () => {
    const { port } = await listen(
      {
        fetch(_, { disconnect }) {
          disconnect();
          return new Response('unheard');
        },
      },
      {},
    );
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
  });
});
