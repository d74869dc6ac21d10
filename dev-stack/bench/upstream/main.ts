import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ANSWERS } from '../conversation.ts';
import { streamAnswer, WHOLE_ANSWER } from './answers.ts';

/** A fake orchestrator that is as fast as node:http: it reads the request, then answers from memory. */
const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    console.error(error);
    response.destroy();
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));

// Whoever started this process has ended: nobody is left to stop it.
process.once('disconnect', () => process.exit(0));

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const { model } = JSON.parse(Buffer.concat(chunks).toString()) as { model: string };
  if (model === ANSWERS.whole) {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(WHOLE_ANSWER) });
    response.end(WHOLE_ANSWER);
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
  for await (const frame of streamAnswer(model)) response.write(frame);
  response.end();
}
