import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { closeServer, readBody } from '@rubot/testkit/model-upstream';
import { onTestFinished } from 'vitest';

/** What `POST /internal/bearers` answers: a bearer that lives so long, or a refusal. */
export type RenewalAnswer =
  | { readonly expiresInSeconds: number }
  | { readonly status: number; readonly code: string; readonly message: string };

export interface FakeGateway {
  readonly url: string;
  /** Every request so far. */
  readonly renewals: readonly {
    readonly path: string;
    readonly headers: IncomingHttpHeaders;
    readonly body: Readonly<Record<string, unknown>>;
  }[];
  /** Replaces what is answered from now on. The bearers are `bearer-1`, `bearer-2` and so on. */
  onRenewal(answer: RenewalAnswer): void;
}

/** The gateway as the orchestrator sees it, on a real socket; closed when the test ends. */
export async function startFakeGateway(): Promise<FakeGateway> {
  const renewals: { path: string; headers: IncomingHttpHeaders; body: Record<string, unknown> }[] = [];
  let answer: RenewalAnswer = { expiresInSeconds: 300 };
  let given = 0;
  const server = createServer(async (request, response) => {
    renewals.push({ path: `${request.method} ${request.url}`, headers: request.headers, body: await readBody(request) });
    const { status, body } = toResponse(answer, () => {
      given += 1;
      return `bearer-${given}`;
    });
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => closeServer(server));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    renewals,
    onRenewal(replacement) {
      answer = replacement;
    },
  };
}

function toResponse(answer: RenewalAnswer, nextBearer: () => string): { status: number; body: unknown } {
  if ('expiresInSeconds' in answer) return { status: 200, body: { bearer: nextBearer(), expires_in_seconds: answer.expiresInSeconds } };
  const { status, code, message } = answer;
  return { status, body: { error: { message, type: 'server_error', param: null, code } } };
}
