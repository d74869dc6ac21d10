import type { ToolEffect } from '@rubot/contracts/data';
import type { Span } from '@rubot/logging/span';
import type { z } from 'zod';

/** What a tool may know of the run that calls it. */
export interface ToolContext {
  /** Aborts when the caller has gone or the deadline has passed. */
  readonly signal: AbortSignal;
  /** The span of this call; what the tool calls in turn belongs under it. */
  readonly span: Span;
  /** The same whenever this very call is run again, as after a crash: a `write` has its effect once under it. */
  readonly idempotencyKey: string;
}

/** A tool that an agent brings of its own. */
export interface AgentTool {
  /** Read by the model: what the tool does and when to use it. */
  readonly description: string;
  /** A `write` is on record before it is run. */
  readonly effect: ToolEffect;
  /** Whether a person has to agree to each call; where nobody can be asked it is not run. */
  readonly needsApproval?: boolean;
  readonly input: z.ZodType;
  run(input: unknown, context: ToolContext): unknown;
}

export interface ToolDefinition<Input extends z.ZodType> extends Pick<AgentTool, 'description' | 'effect' | 'needsApproval'> {
  readonly input: Input;
  /** Throw a RubotError such as `invalid_request` or `not_found` to tell the model what to do better; any other failure ends the run. */
  run(input: z.output<Input>, context: ToolContext): unknown;
}

/** Ties the input of a tool's code to its schema. */
export function defineTool<Input extends z.ZodType>(definition: ToolDefinition<Input>): AgentTool {
  // The input was parsed with this very schema before the tool runs.
  return { ...definition, run: (input, context) => definition.run(input as z.output<Input>, context) };
}
