import { RubotError } from '@rubot/errors';
import { makeTool, type PreparedCall } from '../connected/make-tool.ts';
import type { ToolSnapshot } from '../connected/snapshot.ts';
import type { Upstream } from '../connected/upstream.ts';
import type { OutboundRequest } from '../outbound/redirect.ts';
import type { SentEffect, Tool } from '../provider.ts';
import { buildRequest } from './build-request.ts';
import { checkArguments } from './check-arguments.ts';
import { HttpOperation } from './operation.ts';
import { readAnswer } from './read-answer.ts';

/** @returns `undefined` when what is kept of it is no description of an operation */
export function createHttpTool(snapshot: ToolSnapshot, open: () => Promise<Upstream>): Tool | undefined {
  const operation = HttpOperation.safeParse(snapshot.request);
  if (!operation.success) return undefined;
  return makeTool(snapshot, open, (upstream, input) => {
    const request = buildRequest(upstream.url, operation.data, checkArguments(snapshot.input_schema, input));
    return snapshot.effect === 'read' ? read(upstream, request) : write(upstream, request);
  });
}

function read(upstream: Upstream, request: OutboundRequest): PreparedCall {
  return async (call) => readAnswer(upstream, await upstream.fetch(request, call));
}

function write(upstream: Upstream, request: OutboundRequest): PreparedCall {
  return async ({ idempotencyKey, ...call }) => {
    const headers = new Headers(request.headers);
    if (idempotencyKey !== undefined) headers.set('idempotency-key', idempotencyKey);
    const response = await upstream.fetch({ ...request, headers }, call);
    return readAnswer(upstream, response).catch((thrown: unknown) => toDone(response, thrown));
  };
}

/** The status has said that it is done; that its answer cannot be read takes nothing from that. */
function toDone({ ok, status }: Response, thrown: unknown): SentEffect {
  if (!ok) throw thrown;
  return { outcome: 'done', result: { status, note: `It is done, but its answer cannot be shown. ${RubotError.from(thrown).message}` } };
}
