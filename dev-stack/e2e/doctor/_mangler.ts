import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

export interface Mangling {
  readonly path: string;
  /** What becomes of the answer; without it, there is none. */
  readonly change?: (answer: Record<string, unknown>) => { readonly status: number; readonly body: unknown };
}

/** Stands before a service and changes what it answers at one path. It ends with the test. */
export function startMangler({ path, change }: Mangling): (origin: string) => Promise<string> {
  return async (origin) => {
    const server = createServer(async (request, response) => {
      const isMeant = request.url === path;
      if (isMeant && change === undefined) return;
      const { host: _, connection: __, 'transfer-encoding': ___, ...headers } = request.headers as Record<string, string>;
      const body = await buffer(request);
      const answer = await fetch(`${origin}${request.url}`, {
        method: request.method ?? 'GET',
        headers,
        ...(body.length === 0 ? {} : { body }),
      });
      const text = await answer.text();
      const changed = isMeant ? change?.(JSON.parse(text)) : undefined;
      response.writeHead(changed?.status ?? answer.status, { 'content-type': 'application/json' });
      response.end(changed === undefined ? text : JSON.stringify(changed.body));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
}

/** Changes what a service says of itself in its answer to a challenge. */
export function mangleService(change: Record<string, unknown>): (origin: string) => Promise<string> {
  return startMangler({
    path: '/challenge',
    change: (answer) => ({ status: 200, body: { ...answer, service: { ...(answer['service'] as object), ...change } } }),
  });
}
