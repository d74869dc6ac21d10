import type { CallToolResult, Tool as McpTool, PriorDiscovery } from '@modelcontextprotocol/client';
import { RubotError } from '@rubot/errors';
import { makeTool, type PreparedCall } from '../connected/make-tool.ts';
import type { ToolSnapshot } from '../connected/snapshot.ts';
import type { Upstream } from '../connected/upstream.ts';
import type { SentEffect, Tool } from '../provider.ts';
import { type McpSession, withMcpClient } from './client.ts';
import { readFailure } from './failure.ts';
import { readText, toResult } from './result.ts';

/** A tool as it was when the server was looked at: what the server offers besides, or calls by this name now, is not asked for. */
export function createMcpTool(snapshot: ToolSnapshot, dialect: PriorDiscovery | undefined, open: () => Promise<Upstream>): Tool {
  return makeTool(snapshot, open, (upstream, input): PreparedCall => {
    const args = toArguments(input);
    return async ({ idempotencyKey, ...call }) => {
      let result: CallToolResult;
      try {
        result = await withMcpClient(upstream, { ...call, dialect }, ({ client }, options) =>
          callTool(client, snapshot, args, { ...options, ...toHeaders(idempotencyKey) }),
        );
      } catch (thrown) {
        const failure = readFailure(upstream, thrown);
        if (failure.outcome === 'refused') return failure;
        throw failure.error;
      }
      return readResult(upstream, snapshot, result);
    };
  });
}

interface CallOptions {
  readonly timeout: number;
  readonly headers?: Readonly<Record<string, string>>;
}

function callTool(
  client: McpSession['client'],
  { operation, input_schema: inputSchema }: ToolSnapshot,
  args: Record<string, unknown>,
  options: CallOptions,
): Promise<CallToolResult> {
  // With the definition that is kept, the library asks for no other.
  const toolDefinition = { name: operation, inputSchema } as McpTool;
  return client.callTool({ name: operation, arguments: args }, { ...options, toolDefinition });
}

function toHeaders(idempotencyKey: string | undefined): Pick<CallOptions, 'headers'> {
  return idempotencyKey === undefined ? {} : { headers: { 'idempotency-key': idempotencyKey } };
}

/** The server checks them against its own schema. */
function toArguments(input: unknown): Record<string, unknown> {
  if (typeof input === 'object' && input !== null && !Array.isArray(input)) return { ...input };
  throw new RubotError('invalid_request', 'The arguments must be an object.', { param: 'arguments' });
}

/** A tool that reports an error may have done a part of its work. */
function readResult({ providerId, scrub }: Upstream, { name }: ToolSnapshot, result: CallToolResult): SentEffect {
  if (result.isError !== true) return { outcome: 'done', result: scrub(toResult(result)) };
  return {
    outcome: 'unknown',
    error: new RubotError('invalid_request', `The tool ${name} of ${providerId} reports an error: ${scrub(readText(result))}`),
  };
}
