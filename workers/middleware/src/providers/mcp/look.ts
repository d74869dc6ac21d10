import type { Tool as McpTool } from '@modelcontextprotocol/client';
import { CannotOffer, collectTools, type Operation } from '../connected/collect-tools.ts';
import type { ConnectionConfig, Snapshot } from '../connected/snapshot.ts';
import type { Upstream } from '../connected/upstream.ts';
import { withMcpClient } from './client.ts';
import { readFailure } from './failure.ts';

const MAX_SCHEMA_CHARACTERS = 65_536;

/** What a remote MCP server offers right now. @throws RubotError */
export async function lookAtServer(upstream: Upstream, config: ConnectionConfig): Promise<Snapshot> {
  const { tools, dialect } = await listTools(upstream);
  return { ...collectTools(upstream.providerId, tools.map(toOperation), config), dialect };
}

function listTools(upstream: Upstream) {
  return withMcpClient(upstream, {}, async ({ client, dialect }, options) => ({
    tools: (await client.listTools(undefined, options)).tools,
    dialect,
  })).catch((thrown: unknown) => {
    throw readFailure(upstream, thrown).error;
  });
}

/** What a server says of a tool is believed so far as it makes it the more dangerous one, and where it says that it only reads. */
function toOperation({ name, title, description, inputSchema, annotations = {} }: McpTool): Operation {
  return {
    name,
    effect: annotations.readOnlyHint === true ? 'read' : 'write',
    isIdempotent: annotations.readOnlyHint === true,
    describe() {
      if (JSON.stringify(inputSchema).length > MAX_SCHEMA_CHARACTERS)
        throw new CannotOffer(`its schema has more than ${MAX_SCHEMA_CHARACTERS} characters`);
      return { description: description ?? annotations.title ?? title ?? name, input_schema: { ...inputSchema } };
    },
  };
}
