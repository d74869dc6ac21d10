import { ConnectionAuth } from '@rubot/contracts/connections';
import { TOOL_EFFECTS } from '@rubot/contracts/data';
import { ToolName } from '@rubot/contracts/ids';
import { z } from 'zod';

/** What the tenant's administrator knows of a tool better than its upstream says. */
const ToolOverride = z.object({
  effect: z.enum(TOOL_EFFECTS).optional(),
  needs_approval: z.boolean().optional(),
  idempotent: z.boolean().optional(),
});

/** How an upstream is reached, and what was wished of it: what a refresh goes by. */
export const ConnectionConfig = z.object({
  url: z.url(),
  auth: ConnectionAuth,
  include: z.array(z.string()).optional(),
  overrides: z.record(z.string(), ToolOverride),
});
export type ConnectionConfig = z.infer<typeof ConnectionConfig>;

/** A tool as its upstream told of it when it was last looked at. */
export const ToolSnapshot = z.object({
  name: ToolName,
  /** What the upstream calls it. */
  operation: z.string(),
  description: z.string(),
  effect: z.enum(TOOL_EFFECTS),
  needs_approval: z.boolean(),
  /** The upstream has the effect once, however often it is asked. */
  is_idempotent: z.boolean(),
  input_schema: z.record(z.string(), z.unknown()),
  /** How to ask for it, where the name does not say all. */
  request: z.unknown().optional(),
});
export type ToolSnapshot = z.infer<typeof ToolSnapshot>;

export const NotOffered = z.object({ name: z.string(), reason: z.string() });
export type NotOffered = z.infer<typeof NotOffered>;

/** What is kept of an upstream, beside how to reach it. */
export interface Snapshot {
  readonly offered: readonly ToolSnapshot[];
  /** What it has and models are not offered, each with a reason for who connects it. */
  readonly not_offered: readonly NotOffered[];
  /** What its kind has found out about how to speak with it. */
  readonly dialect?: unknown;
}
