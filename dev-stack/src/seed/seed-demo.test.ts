import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, expect, it } from 'vitest';
import { completeKeys } from '../stack/keys.ts';
import { seedDemo } from './seed-demo.ts';

let server: Server;
afterEach(() => {
  server.close();
});

it('leaves a table alone that is there, though its file be another by now', async () => {
  const asked: string[] = [];
  server = createServer(async (request, response) => {
    asked.push(`${request.url} ${/"name":"[a-z]+","csv"/.exec(await text(request))?.[0] ?? ''}`);
    response.setHeader('connection', 'close').end(JSON.stringify({ result: { tables: [{ name: 'products' }] } }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  await seedDemo({ middlewareUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, keys: completeKeys({}) });
  expect(asked.filter((call) => call.includes('create_from_csv'))).toEqual([expect.stringContaining('"name":"orders"')]);
});
