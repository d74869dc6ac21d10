import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RenewBearerResponse } from '@rubot/contracts/bearer';
import { closeServer } from '@rubot/testkit/model-upstream';

/** What orchestrators need of a gateway: fresh bearers for runs that have outlived theirs. */
export interface Gateway {
  readonly origin: string;
  close(): Promise<void>;
}

export async function startGateway(): Promise<Gateway> {
  const fresh: RenewBearerResponse = { bearer: 'a-fresh-bearer-that-opens-nothing', expires_in_seconds: 300 };
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(fresh));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => closeServer(server) };
}
