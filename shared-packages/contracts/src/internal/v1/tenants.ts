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
  .refine((tenant) => new Set(tenant.tools.map((tool) => tool.tool)).size === tenant.tools.length, {
    path: ['tools'],
    error: 'names a tool twice',
  })
  .refine((tenant) => tenant.agent_policy === 'listed' || tenant.agents.length === 0, {
    path: ['agents'],
    error: 'is only read when agent_policy is "listed"',
  })
  .refine((tenant) => new Set(tenant.agents.map((agent) => agent.agent_id)).size === tenant.agents.length, {
    path: ['agents'],
    error: 'names an agent twice',
  });
export type SaveTenant = z.infer<typeof SaveTenant>;

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
