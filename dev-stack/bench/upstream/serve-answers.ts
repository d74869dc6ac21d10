import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type RequestBody = Readonly<Record<string, unknown>>;

/** An upstream as fast as node:http, in a process of its own: it reads a request, then answers it from memory. */
export function serveAnswers(answer: (body: RequestBody, response: ServerResponse) => Promise<void>): void {
  const server = createServer((request, response) => {
    readBody(request)
      .then((body) => answer(body, response))
      .catch((error: unknown) => {
        process.stderr.write(`${String(error)}\n`);
        response.destroy();
      });
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
  // Whoever started this process has ended: nobody is left to stop it.
  process.once('disconnect', () => process.exit(0));
}

async function readBody(request: IncomingMessage): Promise<RequestBody> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString()) as RequestBody;
}

export async function writeStream(response: ServerResponse, frames: Iterable<string> | AsyncIterable<string>): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
  for await (const frame of frames) response.write(frame);
  response.end();
}
