import type { Limits } from '@rubot/contracts/limits';
import type { ClientScope } from '@rubot/contracts/scopes';
import { sql } from 'drizzle-orm';
import { check, foreignKey, index, integer, primaryKey, sqliteTable, text, unique } from 'drizzle-orm/sqlite-core';

/** Moments are ISO 8601 text in UTC, which compares as text. */

export const tenants = sqliteTable('tenants', {
  tenantId: text('tenant_id').primaryKey(),
  name: text('name').notNull(),
  /** `all`: every registered agent; `listed`: those that `tenant_agents` enables. */
  agentPolicy: text('agent_policy', { enum: ['all', 'listed'] }).notNull(),
  /** `all`: every tool but those that `tenant_tools` disables; `listed`: those that it enables. */
  toolPolicy: text('tool_policy', { enum: ['all', 'listed'] })
    .notNull()
    .default('all'),
  /** A person has to agree to each call of a tool that writes, where `tenant_tools` does not say otherwise. */
  approveWrites: integer('approve_writes', { mode: 'boolean' }).notNull().default(false),
  limits: text('limits', { mode: 'json' }).notNull().$type<Limits>().default({}),
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

export const tenantTools = sqliteTable(
  'tenant_tools',
  {
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenants.tenantId),
    tool: text('tool').notNull(),
    enabled: integer('enabled', { mode: 'boolean' }).notNull(),
    /** Null: as the tenant, or the tool itself, says. */
    needsApproval: integer('needs_approval', { mode: 'boolean' }),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.tool] })],
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

/** A session belongs to the sender of its tenant that was seen in it first, for good: other tenants have sessions of the same name. */
export const sessions = sqliteTable(
  'tenant_sessions',
  {
    tenantId: text('tenant_id').notNull(),
    sessionId: text('session_id').notNull(),
    senderId: text('sender_id').notNull(),
    createdAt: text('created_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.sessionId] })],
);

/** What `tenant_sessions` was made from. The release before this one writes it still, after a rollback; it goes with the next. */
export const formerSessions = sqliteTable('sessions', {
  sessionId: text('session_id').primaryKey(),
  senderId: text('sender_id').notNull(),
  createdAt: text('created_at').notNull(),
});

/** One row for each write that has happened: what makes a repeated call an answer and not a second effect. */
export const toolEffects = sqliteTable(
  'tool_effects',
  {
    /** `begun`: another system was asked, and what it did is not known yet, or will never be. */
    state: text('state', { enum: ['begun', 'done'] })
      .notNull()
      .default('done'),
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

/** Credentials of clients. The token itself is nowhere: 178 random bits need no slow hash. */
export const apiTokens = sqliteTable(
  'api_tokens',
  {
    tokenId: text('token_id').primaryKey(),
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenants.tenantId),
    /** SHA-256 in hex. */
    hash: text('hash').notNull().unique(),
    hint: text('hint').notNull(),
    name: text('name').notNull(),
    scopes: text('scopes', { mode: 'json' }).notNull().$type<readonly ClientScope[]>(),
    limits: text('limits', { mode: 'json' }).notNull().$type<Limits>(),
    createdAt: text('created_at').notNull(),
    createdBy: text('created_by').notNull(),
    expiresAt: text('expires_at').notNull(),
    revokedAt: text('revoked_at'),
    /** To the minute, so that use costs a write a minute and not one a request. */
    lastUsedAt: text('last_used_at'),
  },
  (table) => [index('api_tokens_by_tenant').on(table.tenantId, table.tokenId)],
);

/** Opens nothing without the token that it was made for; lives as long as that at most. */
export const actionHandles = sqliteTable(
  'action_handles',
  {
    /** SHA-256 in hex. */
    hash: text('hash').primaryKey(),
    tokenId: text('token_id')
      .notNull()
      .references(() => apiTokens.tokenId),
    actionId: text('action_id').notNull(),
    scopes: text('scopes', { mode: 'json' }).notNull().$type<readonly ClientScope[]>(),
    createdAt: text('created_at').notNull(),
    expiresAt: text('expires_at').notNull(),
  },
  (table) => [index('action_handles_by_token').on(table.tokenId)],
);

/** A million PINs are soon tried: what is kept is a code over the PIN under a key, and few wrong tries are let through. */
export const linkPins = sqliteTable(
  'link_pins',
  {
    pinId: text('pin_id').primaryKey(),
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenants.tenantId),
    keyId: text('key_id').notNull(),
    mac: text('mac').notNull(),
    /** The only sender that may use it; null: any. */
    senderId: text('sender_id'),
    createdAt: text('created_at').notNull(),
    createdBy: text('created_by').notNull(),
    expiresAt: text('expires_at').notNull(),
    wrongTries: integer('wrong_tries').notNull().default(0),
    usedAt: text('used_at'),
    usedBy: text('used_by'),
  },
  (table) => [
    index('link_pins_by_tenant').on(table.tenantId, table.createdAt),
    index('link_pins_by_end').on(table.expiresAt),
    index('link_pins_by_mac').on(table.mac),
  ],
);

/** Wrong tries alone, for minutes: what the limits per sender and of all are counted from. */
export const wrongPinTries = sqliteTable(
  'wrong_pin_tries',
  {
    tryId: integer('try_id').primaryKey(),
    senderId: text('sender_id').notNull(),
    triedAt: text('tried_at').notNull(),
  },
  (table) => [index('wrong_pin_tries_by_sender').on(table.senderId, table.triedAt), index('wrong_pin_tries_by_time').on(table.triedAt)],
);

/** Append-only: see `contracts/src/internal/v1/audit.ts` for how entries hang together. */
export const auditEntries = sqliteTable(
  'audit_entries',
  {
    /** A tenant, or `*`. */
    chain: text('chain').notNull(),
    seq: integer('seq').notNull(),
    at: text('at').notNull(),
    actor: text('actor').notNull(),
    action: text('action').notNull(),
    target: text('target').notNull(),
    outcome: text('outcome', { enum: ['done', 'refused', 'failed'] }).notNull(),
    traceId: text('trace_id').notNull(),
    details: text('details', { mode: 'json' }).notNull().$type<Readonly<Record<string, unknown>>>(),
    prevHash: text('prev_hash').notNull(),
    hash: text('hash').notNull(),
  },
  (table) => [primaryKey({ columns: [table.chain, table.seq] })],
);

/** Where each chain ends, under a key: so that the last entries cannot be cut off by one who can write here and has no key. */
export const auditHeads = sqliteTable('audit_heads', {
  chain: text('chain').primaryKey(),
  seq: integer('seq').notNull(),
  hash: text('hash').notNull(),
  keyId: text('key_id').notNull(),
  mac: text('mac').notNull(),
});

/** Holds no row, ever: inserting 0 where something does not hold undoes the batch that it stands in. */
export const preconditions = sqliteTable('preconditions', { holds: integer('holds').notNull() }, (table) => [
  check('preconditions_hold', sql`${table.holds} = 1`),
]);

/** An upstream of one tenant, and its tools as they were when it was last looked at: what it says later changes nothing unseen. */
export const connections = sqliteTable(
  'connections',
  {
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenants.tenantId),
    providerId: text('provider_id').notNull(),
    kind: text('kind', { enum: ['http', 'mcp'] }).notNull(),
    config: text('config', { mode: 'json' }).notNull().$type<unknown>(),
    tools: text('tools', { mode: 'json' }).notNull().$type<unknown>(),
    updatedAt: text('updated_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.providerId] })],
);

/** Sealed with tenant, provider and key id as its context, so that no row opens in the place of another. */
export const credentials = sqliteTable(
  'credentials',
  {
    tenantId: text('tenant_id').notNull(),
    providerId: text('provider_id').notNull(),
    keyId: text('key_id').notNull(),
    box: text('box').notNull(),
    updatedAt: text('updated_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.providerId] }), index('credentials_by_key').on(table.keyId)],
);
