import type { Limits } from '@rubot/contracts/limits';
import { asc, eq, gt, type SQL, sql } from 'drizzle-orm';
import { commitAudited } from './audit/append-entry.ts';
import type { Auditing, AuditRecord } from './audit/auditing.ts';
import { requireThat } from './audit/require-that.ts';
import { type Database, runBatch, type Statement } from './database.ts';
import { tenantAgents, tenants, tenantTools } from './schema.ts';

/** All that is kept of a tenant; agents and tools in the order of their names. No interface, so that it is a `Tenant` of the contracts too. */
export type TenantState = {
  readonly tenant_id: string;
  readonly name: string;
  readonly agent_policy: 'all' | 'listed';
  readonly agents: { readonly agent_id: string; readonly enabled: boolean }[];
  readonly tool_policy: 'all' | 'listed';
  readonly tools: { readonly tool: string; readonly enabled: boolean; readonly needs_approval?: boolean | undefined }[];
  readonly approve_writes: boolean;
  readonly limits: Limits;
  readonly created_at: string;
};

/** A tenant as it was at one moment, with the text by which the database tells whether it still is. */
export interface TenantSnapshot {
  readonly tenant: TenantState;
  readonly text: string;
}

export interface TenantPage {
  readonly limit: number;
  /** The last tenant of the page before. */
  readonly after: string | undefined;
}

export interface TenantStore {
  list(page: TenantPage): Promise<readonly TenantState[]>;
  find(tenantId: string): Promise<TenantSnapshot | undefined>;
  /**
   * Makes the tenant what is stated.
   *
   * @throws RubotError of a broken precondition when it is no longer what it was `before`
   */
  save(auditing: Auditing, change: { before: TenantSnapshot | undefined; after: TenantState; record: AuditRecord }): Promise<void>;
}

export function createTenantStore(database: Database): TenantStore {
  return {
    async list({ limit, after }) {
      const [rows] = await runBatch(database, [
        database
          .select({ text: SNAPSHOT })
          .from(tenants)
          .where(after === undefined ? undefined : gt(tenants.tenantId, after))
          .orderBy(asc(tenants.tenantId))
          .limit(limit),
      ]);
      return rows.map(({ text }) => toSnapshot(text).tenant);
    },
    async find(tenantId) {
      const [[row]] = await runBatch(database, [database.select({ text: SNAPSHOT }).from(tenants).where(eq(tenants.tenantId, tenantId))]);
      return row === undefined ? undefined : toSnapshot(row.text);
    },
    async save(auditing, { before, after, record }) {
      const isAsBefore = sql`(select ${SNAPSHOT} from tenants where tenants.tenant_id = ${after.tenant_id}) is ${before?.text ?? null}`;
      await commitAudited(database, auditing, record, [requireThat(database, isAsBefore), ...writeState(database, after)]);
    },
  };
}

/** Spelled by the database alone, so that one text is one state. Its names are written out: inside a subquery, drizzle leaves the table's away. */
const SNAPSHOT: SQL<string> = sql`json_object(
  'tenant_id', tenants.tenant_id,
  'name', tenants.name,
  'agent_policy', tenants.agent_policy,
  'agents', json((
    select json_group_array(json_object('agent_id', agent_id, 'enabled', json(iif(enabled, 'true', 'false'))))
    from (select * from tenant_agents where tenant_agents.tenant_id = tenants.tenant_id order by agent_id)
  )),
  'tool_policy', tenants.tool_policy,
  'tools', json((
    select json_group_array(json_patch('{}', json_object(
      'tool', tool,
      'enabled', json(iif(enabled, 'true', 'false')),
      'needs_approval', json(case needs_approval when 1 then 'true' when 0 then 'false' else 'null' end)
    )))
    from (select * from tenant_tools where tenant_tools.tenant_id = tenants.tenant_id order by tool)
  )),
  'approve_writes', json(iif(tenants.approve_writes, 'true', 'false')),
  'limits', json(tenants.limits),
  'created_at', tenants.created_at
)`;

/** What the database has spelled from rows of these types. */
function toSnapshot(text: string): TenantSnapshot {
  return { tenant: JSON.parse(text) as TenantState, text };
}

function writeState(database: Database, state: TenantState): readonly Statement[] {
  const { tenant_id: tenantId, name, agent_policy: agentPolicy, tool_policy: toolPolicy, approve_writes: approveWrites, limits } = state;
  const row = { name, agentPolicy, toolPolicy, approveWrites, limits };
  return [
    database
      .insert(tenants)
      .values({ tenantId, ...row, createdAt: state.created_at })
      .onConflictDoUpdate({ target: tenants.tenantId, set: row }),
    database.delete(tenantAgents).where(eq(tenantAgents.tenantId, tenantId)),
    // One parameter for all of them: D1 takes no more than 100.
    database
      .insert(tenantAgents)
      .select(sql`select ${tenantId}, value ->> 'agent_id', value ->> 'enabled' from json_each(${JSON.stringify(state.agents)})`),
    database.delete(tenantTools).where(eq(tenantTools.tenantId, tenantId)),
    database
      .insert(tenantTools)
      .select(
        sql`select ${tenantId}, value ->> 'tool', value ->> 'enabled', value ->> 'needs_approval' from json_each(${JSON.stringify(state.tools)})`,
      ),
  ];
}
