import { foreignKey, index, integer, primaryKey, sqliteTable, text, unique } from 'drizzle-orm/sqlite-core';

/** Moments are ISO 8601 text in UTC, which compares as text. */

export const tenants = sqliteTable('tenants', {
  tenantId: text('tenant_id').primaryKey(),
  name: text('name').notNull(),
  /** `all`: every registered agent; `listed`: those that `tenant_agents` enables. */
  agentPolicy: text('agent_policy', { enum: ['all', 'listed'] }).notNull(),
  createdAt: text('created_at').notNull(),
});

export const tenantAgents = sqliteTable(
  'tenant_agents',
  {
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenants.tenantId),
    agentId: text('agent_id').notNull(),
    enabled: integer('enabled', { mode: 'boolean' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.agentId] })],
);

export const identityBindings = sqliteTable(
  'identity_bindings',
  {
    senderId: text('sender_id').primaryKey(),
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenants.tenantId),
    createdAt: text('created_at').notNull(),
  },
  (table) => [index('identity_bindings_by_tenant').on(table.tenantId, table.senderId)],
);

/** A session belongs to the sender that was seen in it first, for good; its tenant is that sender's current one. */
export const sessions = sqliteTable('sessions', {
  sessionId: text('session_id').primaryKey(),
  senderId: text('sender_id').notNull(),
  createdAt: text('created_at').notNull(),
});

/** One row for each write that has happened: what makes a repeated call an answer and not a second effect. */
export const toolEffects = sqliteTable(
  'tool_effects',
  {
    tenantId: text('tenant_id').notNull(),
    idempotencyKey: text('idempotency_key').notNull(),
    tool: text('tool').notNull(),
    /** SHA-256 of the tool's name and its arguments. */
    fingerprint: text('fingerprint').notNull(),
    result: text('result', { mode: 'json' }).notNull().$type<unknown>(),
    createdAt: text('created_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.idempotencyKey] }), index('tool_effects_by_age').on(table.createdAt)],
);

/** A tenant's tables are data here, never tables of the database: no name that a model writes becomes SQL. */
export const tables = sqliteTable(
  'tables',
  {
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenants.tenantId),
    name: text('name').notNull(),
    rowCount: integer('row_count').notNull(),
    createdAt: text('created_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.name] })],
);

export const tableColumns = sqliteTable(
  'table_columns',
  {
    tenantId: text('tenant_id').notNull(),
    tableName: text('table_name').notNull(),
    /** Where the column's cell stands in each row. */
    position: integer('position').notNull(),
    name: text('name').notNull(),
    type: text('type', { enum: ['text', 'number', 'boolean', 'date'] }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.tableName, table.position] }),
    unique('table_columns_by_name').on(table.tenantId, table.tableName, table.name),
    foreignKey({ columns: [table.tenantId, table.tableName], foreignColumns: [tables.tenantId, tables.name] }),
  ],
);

export const tableRows = sqliteTable(
  'table_rows',
  {
    rowId: integer('row_id').primaryKey(),
    tenantId: text('tenant_id').notNull(),
    tableName: text('table_name').notNull(),
    /** The cells as a JSON array, in the order of the columns. */
    cells: text('cells').notNull(),
  },
  (table) => [
    index('table_rows_by_table').on(table.tenantId, table.tableName),
    foreignKey({ columns: [table.tenantId, table.tableName], foreignColumns: [tables.tenantId, tables.name] }),
  ],
);
