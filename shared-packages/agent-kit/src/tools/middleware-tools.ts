import { CallToolRequest, type ToolDescription } from '@rubot/contracts/data';
import { HEADERS } from '@rubot/contracts/headers';
import { RubotError } from '@rubot/errors';
import { parseInput } from '@rubot/http/parse';
import type { Span } from '@rubot/logging/span';
import { jsonSchema } from 'ai';
import { mayUseProvider } from '../define-agent.ts';
import type { AgentRun } from '../run/agent-run.ts';
import { toIdempotencyKey } from './idempotency-key.ts';
import type { DataAccess, MiddlewareClient } from './middleware-client.ts';
import type { OfferedTool } from './offered-tool.ts';
import { runTool } from './run-tool.ts';

/** The tenant's tools of the middleware, for an agent that uses any. @throws RubotError, after which the run cannot go on */
export async function offerMiddlewareTools(run: AgentRun): Promise<readonly OfferedTool[]> {
  const { agent, deps } = run;
  if (agent.middlewareTools.length === 0) return [];
  if (deps.middleware === undefined)
    throw new RubotError('misconfigured', `The agent ${agent.id} has no middleware to call. Set MIDDLEWARE_URL.`);
  const client = deps.middleware;
  const access = readAccess(run);
  const listed = await client.listTools(access(run.span));
  const usable = listed.filter(({ provider }) => mayUseProvider(agent, provider));
  if (usable.length === 0) {
    throw new RubotError(
      'forbidden',
      `The agent ${agent.id} works with tools of ${agent.middlewareTools.join(', ')}, and none of them is enabled here. Ask an administrator to enable them, or another agent.`,
      { operatorDetail: `the middleware offers ${listed.length} tools to this tenant, none of them of these providers` },
    );
  }
  return usable.map((description) => toOfferedTool(run, client, access, description));
}

function toOfferedTool(
  run: AgentRun,
  client: MiddlewareClient,
  access: (span: Span) => DataAccess,
  { name, description, effect, needs_approval = false, input_schema }: ToolDescription,
): OfferedTool {
  return {
    name,
    description,
    // The client has left out what is neither; what is not known to be harmless is taken for a write.
    effect: effect === 'read' ? 'read' : 'write',
    needsApproval: needs_approval,
    // The middleware checks what it is given; checking here too would be a second copy of its rules.
    inputSchema: jsonSchema<unknown>(input_schema),
    run: (input, toolCallId) =>
      runTool(run, { name, toolCallId }, (span) =>
        client.callTool(access(span), {
          tool: name,
          input: parseInput(CallToolRequest.shape.arguments, input, 'arguments'),
          idempotencyKey: toIdempotencyKey(run.caller, toolCallId),
        }),
      ),
  };
}

function readAccess({ caller, deadline }: AgentRun): (span: Span) => DataAccess {
  const { tenantId, dataBearer } = caller;
  if (tenantId === undefined) throw missingHeader(HEADERS.tenantId);
  if (dataBearer === undefined) throw missingHeader(HEADERS.dataBearer);
  if (caller.runId === undefined) throw missingHeader(HEADERS.runId);
  return (span) => ({ tenantId, bearer: dataBearer, span, deadline });
}

function missingHeader(name: string): RubotError {
  return new RubotError(
    'invalid_request',
    `The header ${name} is missing, without which no data of a tenant can be reached. The orchestrator sends it; call the orchestrator.`,
    {
      param: name,
    },
  );
}
