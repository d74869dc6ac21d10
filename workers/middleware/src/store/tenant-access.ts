import { and, asc, eq } from 'drizzle-orm';
import type { Database } from './database.ts';
import { tenantAgents, tenants, tenantTools } from './schema.ts';

/** Statements, and how their rows are read: so that they can go into the batch of whatever else is read. */

export interface AgentAccess {
  readonly agentPolicy: 'all' | 'listed';
  readonly agents: readonly { readonly agentId: string; readonly enabled: boolean }[];
}

/** Each agent that is listed, or one row without any. */
export function selectAgentAccess(database: Database, tenantId: string) {
  return database
    .select({ agentPolicy: tenants.agentPolicy, agentId: tenantAgents.agentId, enabled: tenantAgents.enabled })
    .from(tenants)
    .leftJoin(tenantAgents, eq(tenantAgents.tenantId, tenants.tenantId))
    .where(eq(tenants.tenantId, tenantId))
    .orderBy(asc(tenantAgents.agentId));
}

export function toAgentAccess(rows: Awaited<ReturnType<typeof selectAgentAccess>>): AgentAccess {
  return {
    // Without a tenant, nothing is open.
    agentPolicy: rows[0]?.agentPolicy ?? 'listed',
    agents: rows.flatMap(({ agentId, enabled }) => (agentId === null || enabled === null ? [] : [{ agentId, enabled }])),
  };
}

/** What a tenant's administrator has said of its tools. */
export interface ToolPolicy {
  readonly toolPolicy: 'all' | 'listed';
  readonly approveWrites: boolean;
  readonly rules: ReadonlyMap<string, ToolRule>;
}

export interface ToolRule {
  readonly enabled: boolean;
  /** `null`: nothing is said. */
  readonly needsApproval: boolean | null;
}

/** Each tool that is listed, or only the one that is named; one row without any when it is not. */
export function selectToolPolicy(database: Database, tenantId: string, toolName?: string) {
  const { tool, enabled, needsApproval } = tenantTools;
  return database
    .select({ toolPolicy: tenants.toolPolicy, approveWrites: tenants.approveWrites, tool, enabled, needsApproval })
    .from(tenants)
    .leftJoin(tenantTools, and(eq(tenantTools.tenantId, tenants.tenantId), toolName === undefined ? undefined : eq(tool, toolName)))
    .where(eq(tenants.tenantId, tenantId));
}

export type ToolPolicyRow = Awaited<ReturnType<typeof selectToolPolicy>>[number];

export function toToolPolicy(rows: readonly ToolPolicyRow[]): ToolPolicy {
  const rules = rows.flatMap(({ tool, enabled, needsApproval }): [string, ToolRule][] =>
    tool === null || enabled === null ? [] : [[tool, { enabled, needsApproval }]],
  );
  // Without a tenant, nothing is open.
  return { toolPolicy: rows[0]?.toolPolicy ?? 'listed', approveWrites: rows[0]?.approveWrites ?? true, rules: new Map(rules) };
}
