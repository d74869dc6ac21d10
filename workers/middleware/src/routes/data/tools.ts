import { CallToolRequest, type ToolList } from '@rubot/contracts/data';
import { HEADERS } from '@rubot/contracts/headers';
import { IdempotencyKey } from '@rubot/contracts/ids';
import { RubotError } from '@rubot/errors';
import { readJsonBody } from '@rubot/http/body';
import { parseInput } from '@rubot/http/parse';
import type { Context, Handler } from 'hono';
import type { MiddlewareEnv } from '../../context.ts';
import type { MiddlewareDeps } from '../../deps.ts';
import type { RegisteredTool } from '../../providers/registry.ts';
import { callReadTool, callWriteTool, type ToolCallOutcome } from '../../use-cases/tool/call.ts';
import { callOutgoingTool } from '../../use-cases/tool/call-outgoing.ts';
import { listTools, type ToolCaller } from '../../use-cases/tool/list.ts';
import { type OpenedTool, openTool } from '../../use-cases/tool/open.ts';

/** `GET /data/:tenant/tools` */
export function listToolsHandler({ providers }: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async (c) => c.json({ tools: await listTools(providers, toCaller(c)) } satisfies ToolList);
}

/** `POST /data/:tenant/tools/:tool/call` */
export function callToolHandler({ config, providers }: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async function callTool(c) {
    const toolName = c.req.param('tool') ?? '';
    c.set('toolName', toolName);
    const opened = await openTool(providers, toCaller(c), toolName);
    const body = await readJsonBody(c.req.raw, { maxBytes: config.maxBodyBytes });
    const { arguments: input } = parseInput(CallToolRequest, body.value);
    const call = () => dispatch(c, opened, input).finally(opened.assertOpen);
    const { result, isReplay } = await withinSpan(c, opened.registered, call);
    if (isReplay) c.header(HEADERS.idempotentReplayed, 'true');
    return c.json({ result });
  };
}

function toCaller(c: Context<MiddlewareEnv>): ToolCaller {
  return { data: c.get('data'), scopes: c.get('claims').scope };
}

async function dispatch(c: Context<MiddlewareEnv>, { registered: { tool }, data }: OpenedTool, input: unknown): Promise<ToolCallOutcome> {
  if (tool.kind === 'read') return callReadTool(data, tool, input, c.req.raw.signal);
  const idempotencyKey = readIdempotencyKey(c.req.raw.headers);
  if (tool.kind === 'write') return callWriteTool(data, { tool, input, idempotencyKey });
  return callOutgoingTool(data, {
    tool,
    input,
    idempotencyKey,
    keepAlive: (work) => c.executionCtx.waitUntil(work),
    onUnrecorded: (error) => c.get('span').log('effect.unrecorded', { error, extra: { tool: tool.name } }),
  });
}

function readIdempotencyKey(headers: Headers): string {
  const value = headers.get(HEADERS.idempotencyKey);
  const key = IdempotencyKey.safeParse(value);
  if (key.success) return key.data;
  const problem = value === null ? 'is missing' : (key.error.issues[0]?.message ?? 'is not valid');
  throw new RubotError('invalid_request', `The header Idempotency-Key ${problem}. Every call of a tool that writes needs its own.`, {
    param: HEADERS.idempotencyKey,
  });
}

/** Tells which tool was called and what came of it, never with what. */
async function withinSpan(
  c: Context<MiddlewareEnv>,
  { provider, tool }: RegisteredTool,
  call: () => Promise<ToolCallOutcome>,
): Promise<ToolCallOutcome> {
  const extra = { provider: provider.id, tool: tool.name, effect: tool.effect };
  const span = c.get('span').child({ event: 'tool.called', name: tool.name, kind: 'internal', component: provider.id });
  try {
    const outcome = await call();
    span.end({ extra: { ...extra, replayed: outcome.isReplay } });
    return outcome;
  } catch (error) {
    span.end({ error, extra });
    throw error;
  }
}
