import { CallToolRequest, type ToolList } from '@rubot/contracts/data';
import { HEADERS } from '@rubot/contracts/headers';
import { IdempotencyKey } from '@rubot/contracts/ids';
import { RubotError } from '@rubot/errors';
import { readJsonBody } from '@rubot/http/body';
import { parseInput } from '@rubot/http/parse';
import type { Context, Handler } from 'hono';
import type { MiddlewareEnv } from '../../context.ts';
import type { MiddlewareDeps } from '../../deps.ts';
import { assertScope } from '../../middleware/require-scope.ts';
import type { Tool } from '../../providers/provider.ts';
import { type ProviderRegistry, providerIdOf, type RegisteredTool } from '../../providers/registry.ts';
import { selectConnections } from '../../store/connections.ts';
import type { TenantData } from '../../store/tenant-data.ts';
import { callReadTool, callWriteTool, type ToolCallOutcome } from '../../use-cases/tool/call.ts';
import { callOutgoingTool } from '../../use-cases/tool/call-outgoing.ts';

/** `GET /data/:tenant/tools` */
export function listToolsHandler({ providers }: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async function listTools(c) {
    const data = c.get('data');
    const [connections] = await data.read((database) => [selectConnections(database, data)]);
    return c.json({ tools: providers.ofTenant(connections).tools.map(({ description }) => description) } satisfies ToolList);
  };
}

/** `POST /data/:tenant/tools/:tool/call` */
export function callToolHandler({ config, providers }: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async function callTool(c) {
    const registered = await findTool(c.get('data'), providers, c.req.param('tool') ?? '');
    assertScope(c.get('claims'), registered.tool.effect === 'read' ? 'tools:read' : 'tools:write');
    const body = await readJsonBody(c.req.raw, { maxBytes: config.maxBodyBytes });
    const { arguments: input } = parseInput(CallToolRequest, body.value);
    const { result, isReplay } = await withinSpan(c, registered, () => dispatch(c, registered.tool, input));
    if (isReplay) c.header(HEADERS.idempotentReplayed, 'true');
    return c.json({ result });
  };
}

/** @throws RubotError `not_found` that names the tools there are */
async function findTool(data: TenantData, providers: ProviderRegistry, toolName: string): Promise<RegisteredTool> {
  const builtIn = providers.findBuiltIn(toolName);
  if (builtIn !== undefined) return builtIn;
  const { tenantId } = data;
  const [connections] = await data.read((database) => [selectConnections(database, { tenantId, providerId: providerIdOf(toolName) })]);
  const tools = providers.ofTenant(connections);
  const found = tools.find(toolName);
  if (found !== undefined) return found;
  const names = tools.tools.map(({ tool }) => tool.name).join(', ');
  throw new RubotError('not_found', `There is no tool of that name. The tools are: ${names}.`, { param: 'tool' });
}

async function dispatch(c: Context<MiddlewareEnv>, tool: Tool, input: unknown): Promise<ToolCallOutcome> {
  const data = c.get('data');
  if (tool.kind === 'read') return callReadTool(data, tool, input, c.req.raw.signal);
  const idempotencyKey = readIdempotencyKey(c.req.raw.headers);
  if (tool.kind === 'write') return callWriteTool(data, { tool, input, idempotencyKey });
  return callOutgoingTool(data, { tool, input, idempotencyKey, keepAlive: (work) => c.executionCtx.waitUntil(work) });
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
