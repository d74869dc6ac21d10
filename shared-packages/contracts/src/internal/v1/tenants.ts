import { z } from 'zod';
import { AgentId, TenantId, ToolName } from '../../ids.ts';
import { Limits } from '../../limits.ts';

const MAX_LISTED_AGENTS = 100;
const MAX_LISTED_TOOLS = 500;

const TenantAgent = z.strictObject({ agent_id: AgentId, enabled: z.boolean().default(true) });

const TenantTool = z.strictObject({
  tool: ToolName,
  enabled: z.boolean().default(true),
  /** Absent: as the tenant's `approve_writes`, or the tool itself, says. */
  needs_approval: z.boolean().optional(),
});

interface StatedAccess {
  readonly agent_policy: 'all' | 'listed';
  readonly agents: readonly { readonly agent_id: string }[];
  readonly tools: readonly { readonly tool: string }[];
}

/** What hangs together in what is said of a tenant's agents and tools. */
function checkAccess({ value, issues }: z.core.ParsePayload<StatedAccess>): void {
  const { agent_policy: agentPolicy, agents, tools } = value;
  const refuse = (field: string, message: string) => issues.push({ code: 'custom', path: [field], message, input: value });
  if (agentPolicy !== 'listed' && agents.length > 0) refuse('agents', 'is only read when agent_policy is "listed"');
  if (new Set(agents.map((agent) => agent.agent_id)).size < agents.length) refuse('agents', 'names an agent twice');
  if (new Set(tools.map((tool) => tool.tool)).size < tools.length) refuse('tools', 'names a tool twice');
}

/**
 * `POST /internal/tenants`: states a tenant whole, so that sending it again changes nothing. With `all` the tenant
 * may use every registered agent; with `listed` those that are listed and enabled, and none when there are none.
 */
export const SaveTenant = z
  .strictObject({
    tenant_id: TenantId,
    name: z.string().trim().min(1).max(120),
    agent_policy: z.enum(['all', 'listed']).default('all'),
    agents: z.array(TenantAgent).max(MAX_LISTED_AGENTS).default([]),
    /** As `agent_policy`, for tools. With `all`, tools that are listed as not enabled are left out. */
    tool_policy: z.enum(['all', 'listed']).default('all'),
    tools: z.array(TenantTool).max(MAX_LISTED_TOOLS).default([]),
    /** A person has to agree to each call of a tool that writes. */
    approve_writes: z.boolean().default(false),
    limits: Limits.default({}),
  })
  .check(checkAccess);
export type SaveTenant = z.infer<typeof SaveTenant>;

/**
 * `PUT /admin/tenants/:tenant/access`: states all of what a tenant may use. Each policy has to be named, so that leaving one out
 * opens nothing.
 */
export const SaveTenantAccess = z
  .strictObject({
    agent_policy: z.enum(['all', 'listed']),
    agents: z.array(TenantAgent).max(MAX_LISTED_AGENTS).default([]),
    tool_policy: z.enum(['all', 'listed']),
    tools: z.array(TenantTool).max(MAX_LISTED_TOOLS).default([]),
    approve_writes: z.boolean(),
  })
  .check(checkAccess);
export type SaveTenantAccess = z.infer<typeof SaveTenantAccess>;

export const Tenant = z.looseObject({
  tenant_id: z.string(),
  name: z.string(),
  agent_policy: z.string(),
  agents: z.array(z.looseObject({ agent_id: z.string(), enabled: z.boolean() })),
  tool_policy: z.string(),
  tools: z.array(z.looseObject({ tool: z.string(), enabled: z.boolean(), needs_approval: z.boolean().optional() })),
  approve_writes: z.boolean(),
  limits: z.looseObject({}),
  created_at: z.string(),
});
export type Tenant = z.infer<typeof Tenant>;

export const TenantList = z.looseObject({ object: z.literal('list'), data: z.array(Tenant), next_cursor: z.string().optional() });
export type TenantList = z.infer<typeof TenantList>;

export const ListTenantsQuery = z.object({
  cursor: TenantId.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});
export type ListTenantsQuery = z.infer<typeof ListTenantsQuery>;
