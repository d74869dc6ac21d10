import { z } from 'zod';

/** What a tool does to the world; a `write` is repeated only under its idempotency key. */
export const TOOL_EFFECTS = ['read', 'write'] as const;
export type ToolEffect = (typeof TOOL_EFFECTS)[number];

/** `GET /data/:tenant/connections` */
export const Connections = z.looseObject({
  connections: z.array(z.looseObject({ provider: z.string(), auth: z.string(), connected: z.boolean() })),
  /** `all`: every registered agent may act for the tenant; `listed`: those of `agents` that are enabled. */
  agent_policy: z.string().optional(),
  agents: z.array(z.looseObject({ agent_id: z.string(), enabled: z.boolean() })),
});
export type Connections = z.infer<typeof Connections>;

export const ToolDescription = z.looseObject({
  name: z.string(),
  provider: z.string(),
  description: z.string(),
  /** `read` or `write`; a string, so that a reader survives a third kind and can refuse to use it. */
  effect: z.string(),
  /** True where a person has to agree to each call. */
  needs_approval: z.boolean().optional(),
  input_schema: z.record(z.string(), z.unknown()),
});
export type ToolDescription = z.infer<typeof ToolDescription>;

/** `GET /data/:tenant/tools` */
export const ToolList = z.looseObject({ tools: z.array(ToolDescription) });
export type ToolList = z.infer<typeof ToolList>;

/** `POST /data/:tenant/tools/:tool/call`; a write needs the `idempotency-key` header. */
export const CallToolRequest = z.object({ arguments: z.record(z.string(), z.unknown()) });
export type CallToolRequest = z.infer<typeof CallToolRequest>;

/** The longest result, as JSON, that an agent shows its model: about a fifth of what today's models read at once. */
export const MAX_TOOL_RESULT_CHARACTERS = 100_000;

export const CallToolResponse = z.looseObject({ result: z.unknown() });
export type CallToolResponse = z.infer<typeof CallToolResponse>;
