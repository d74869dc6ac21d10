import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { startClientFront } from './client-front.ts';

/** What a client gets that sends a request through the front to a worker that answers so, and closes. */
async function askThroughFront(answer: string): Promise<string> {
  const worker = createServer((socket) => socket.once('data', () => socket.end(answer)));
  worker.listen(0, '127.0.0.1');
  await once(worker, 'listening');
  onTestFinished(() => void worker.close());
  const front = await startClientFront({ listenPort: 0, workerPort: (worker.address() as AddressInfo).port });
  onTestFinished(() => front.close());
  const client = connect({ port: front.port, host: '127.0.0.1' });
  client.write('POST / HTTP/1.1\r\n\r\n');
  return text(client);
}

it('tells a client whose body was refused that the connection ends', async () => {
  const answer = await askThroughFront('HTTP/1.1 413 Payload Too Large\r\nContent-Length: 2\r\n\r\n{}');
  expect(answer).toBe('HTTP/1.1 413 Payload Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}');
});

it('leaves every other answer as it is', async () => {
  const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nHTTP/1.1 413 ';
  expect(await askThroughFront(answer)).toBe(answer);
});
