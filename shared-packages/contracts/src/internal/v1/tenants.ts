import { z } from 'zod';
import { AgentId, TenantId } from '../../ids.ts';

const MAX_LISTED_AGENTS = 100;

const TenantAgent = z.strictObject({ agent_id: AgentId, enabled: z.boolean().default(true) });

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
  created_at: z.string(),
});
export type Tenant = z.infer<typeof Tenant>;
