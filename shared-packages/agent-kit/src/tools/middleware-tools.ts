import type { ToolDescription } from '@rubot/contracts/data';
import { HEADERS } from '@rubot/contracts/headers';
import { RubotError } from '@rubot/errors';
import type { Span } from '@rubot/logging/span';
import { jsonSchema, type ToolSet, tool } from 'ai';
import type { AgentRun } from '../run/agent-run.ts';
import type { DataAccess, MiddlewareClient } from './middleware-client.ts';
import { runTool } from './run-tool.ts';

/** The tenant's tools of the middleware, for an agent that uses any. @throws RubotError, after which the run cannot go on */
export async function offerMiddlewareTools(run: AgentRun): Promise<ToolSet> {
  const { agent, deps } = run;
  if (agent.middlewareTools.length === 0) return {};
  if (deps.middleware === undefined)
    throw new RubotError('misconfigured', `The agent ${agent.id} has no middleware to call. Set MIDDLEWARE_URL.`);
  const client = deps.middleware;
  const access = readAccess(run);
  const listed = await client.listTools(access(run.span));
  const usable = listed.filter(({ provider }) => agent.middlewareTools.includes(provider));
  if (usable.length === 0) {
    throw new RubotError(
      'misconfigured',
      `The middleware offers no tools of ${agent.middlewareTools.join(', ')}, which the agent ${agent.id} needs. Deploy a middleware that has them.`,
    );
  }
  return Object.fromEntries(usable.map((description) => [description.name, toTool(run, client, access, description)]));
}

function toTool(
  run: AgentRun,
  client: MiddlewareClient,
  access: (span: Span) => DataAccess,
  { name, description, input_schema }: ToolDescription,
): ToolSet[string] {
  const { runId, sliceId } = run.caller;
  return tool({
    description,
    // The middleware checks what it is given; checking here too would be a second copy of its rules.
    inputSchema: jsonSchema<Record<string, unknown>>(input_schema),
    execute: (input, { toolCallId }) =>
      runTool(run, { name, toolCallId }, (span) =>
        client.callTool(access(span), { tool: name, input, idempotencyKey: `${runId}/${sliceId ?? WHOLE_RUN}/${toolCallId}` }),
      ),
  });
}

/** Stands for the slice where an agent is asked outside of a plan. */
const WHOLE_RUN = 'run';

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
