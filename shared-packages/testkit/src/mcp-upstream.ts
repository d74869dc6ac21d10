import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { closeServer } from './model-upstream.ts';

/** A real MCP server on loopback, of the protocol's own library. */
export interface McpUpstream {
  /** Where it speaks Streamable HTTP. */
  readonly url: string;
  readonly host: string;
  /** The headers of each request. */
  readonly requests: readonly IncomingHttpHeaders[];
  /** Replaces what it offers from now on. */
  offer(define: (server: McpServer) => void): void;
  /** Refuses every request that does not say this in `authorization`. */
  demand(authorization: string): void;
  close(): Promise<void>;
}

export async function startMcpUpstream(define: (server: McpServer) => void): Promise<McpUpstream> {
  const requests: IncomingHttpHeaders[] = [];
  let current = define;
  let demanded: string | undefined;
  const handler = createMcpHandler(() => {
    const mcp = new McpServer({ name: 'upstream-of-the-test', version: '1.0.0' });
    current(mcp);
    return mcp;
  });
  const answer = getRequestListener((request) => handler.fetch(request));
  const server = createServer((request, response) => {
    requests.push(request.headers);
    if (demanded !== undefined && request.headers.authorization !== demanded) {
      response.writeHead(401).end();
      return;
    }
    void answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${host}/mcp`,
    host,
    requests,
    offer(next) {
      current = next;
    },
    demand(authorization) {
      demanded = authorization;
    },
    close: () => closeServer(server),
  };
}
