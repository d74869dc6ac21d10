import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HEADERS } from '@rubot/contracts/headers';
import { newRunId } from '@rubot/http/run-id';
import { closeServer } from '@rubot/testkit/model-upstream';
import type { Random } from '../random.ts';
import { type Sender, toHopHeaders } from '../world/hop.ts';

export interface FaultyFrontOptions {
  /** Where a request goes on. */
  readonly pickOrigin: () => string;
  readonly sender: Sender;
  readonly random: Random;
  /** Of all requests, how many get a 500 before they are passed on, and how many after they were answered. */
  readonly faultShare: number;
}

/**
 * Stands where the gateway stands: says who speaks, and gives each request a run id of its own. It fails some requests
 * before they have got anywhere, and some when all is done, which no client can tell apart.
 */
export interface FaultyFront {
  readonly url: string;
  readonly faults: () => { readonly before: number; readonly after: number };
  close(): Promise<void>;
}

export async function startFaultyFront({ pickOrigin, sender, random, faultShare }: FaultyFrontOptions): Promise<FaultyFront> {
  let before = 0;
  let after = 0;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readAll(request);
    const fate = random.next();
    if (fate < faultShare) {
      before += 1;
      return fail(response);
    }
    const answer = await fetch(`${pickOrigin()}${request.url}`, {
      method: request.method ?? 'POST',
      headers: { ...toHopHeaders(sender), 'content-type': 'application/json', [HEADERS.runId]: newRunId(), ...toPassedOn(request.headers) },
      body,
    });
    const text = await answer.text();
    if (fate < faultShare * 2) {
      after += 1;
      return fail(response);
    }
    response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(text);
  }

  const server = createServer((request, response) => {
    handle(request, response).catch(() => fail(response));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    faults: () => ({ before, after }),
    close: () => closeServer(server),
  };
}

/** What the gateway passes on of a client's own headers. */
function toPassedOn(headers: IncomingHttpHeaders): Record<string, string> {
  const key = headers[HEADERS.idempotencyKey];
  return typeof key === 'string' ? { [HEADERS.idempotencyKey]: key } : {};
}

async function readAll(request: IncomingMessage): Promise<Buffer<ArrayBuffer>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function fail(response: ServerResponse): void {
  response.writeHead(500, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ error: { message: 'injected', type: 'server_error', param: null, code: null } }));
}
