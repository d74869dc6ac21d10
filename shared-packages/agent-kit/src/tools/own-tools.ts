import { RubotError } from '@rubot/errors';
import { asSchema, jsonSchema, type Schema } from 'ai';
import { z } from 'zod';
import type { AgentTool } from '../define-tool.ts';
import type { AgentRun } from '../run/agent-run.ts';
import { toIdempotencyKey } from './idempotency-key.ts';
import type { OfferedTool } from './offered-tool.ts';
import { runTool } from './run-tool.ts';

/** The tools that the agent's definition brings. */
export function offerOwnTools(run: AgentRun): readonly OfferedTool[] {
  return Object.entries(run.agent.tools).map(([name, definition]) => toOfferedTool(run, name, definition));
}

function toOfferedTool(run: AgentRun, name: string, definition: AgentTool): OfferedTool {
  const { description, effect, needsApproval = false, input: schema } = definition;
  return {
    name,
    description,
    effect,
    needsApproval,
    inputSchema: toCheck(schema),
    run: (input, toolCallId) =>
      runTool(run, { name, toolCallId }, async (span) =>
        definition.run(await parseToolInput(schema, input, name), {
          signal: run.deadline.signal,
          span,
          idempotencyKey: toIdempotencyKey(run.caller, toolCallId),
        }),
      ),
  };
}

/** The schema as a check alone: its defaults and transforms are applied when the call is run, which may be by another process. */
function toCheck(schema: z.ZodType): Schema<unknown> {
  return jsonSchema<unknown>(asSchema(schema).jsonSchema, {
    async validate(value) {
      const { success, error } = await schema.safeParseAsync(value);
      return success ? { success, value } : { success, error };
    },
  });
}

async function parseToolInput(schema: z.ZodType, input: unknown, name: string): Promise<unknown> {
  const result = await schema.safeParseAsync(input);
  if (result.success) return result.data;
  throw new RubotError('invalid_request', `Invalid input for tool ${name}: ${z.prettifyError(result.error)}`);
}
