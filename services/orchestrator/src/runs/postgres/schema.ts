import { sql } from 'drizzle-orm';
import { bigint, boolean, index, integer, json, pgTable, primaryKey, text, timestamp } from 'drizzle-orm/pg-core';

// json and not jsonb: what models and people write may hold \u0000 and lone surrogates, which jsonb refuses.

export const runs = pgTable(
  'runs',
  {
    runId: text('run_id').primaryKey(),
    tenantId: text('tenant_id').notNull(),
    sessionId: text('session_id').notNull(),
    senderId: text('sender_id').notNull(),
    model: text('model').notNull(),
    status: text('status').notNull(),
    priority: text('priority').notNull().default('normal'),
    slotType: text('slot_type').notNull().default('cpu'),
    /** True where nobody's leaving ends it: such a run is tried again, and is a dead letter when that does not help. */
    isBackground: boolean('is_background').notNull().default(false),
    /** When it last began to wait for a slot, or shall; null while it waits for the turn of its session. */
    queuedAt: timestamp('queued_at', { withTimezone: true }),
    /** The fencing token: a write that names another attempt than this one finds no row. */
    attempt: integer('attempt').notNull(),
    crashCount: integer('crash_count').notNull().default(0),
    /** Attempts that ended in a failure, other than by the death of their process. */
    failureCount: integer('failure_count').notNull().default(0),
    /** The process that has it, for people who look. */
    workerId: text('worker_id'),
    /** Whoever holds the run has until then to say that it lives; null once the run has ended. */
    leaseUntil: timestamp('lease_until', { withTimezone: true }),
    lastSeq: integer('last_seq').notNull(),
    plan: json('plan'),
    /** What is needed to go on with it elsewhere; emptied at the end. */
    request: json('request'),
    allowedAgents: json('allowed_agents'),
    dataBearer: text('data_bearer'),
    bearerGrant: text('bearer_grant'),
    /** The agents that it occupies, where their number is limited. */
    agentIds: text('agent_ids').array(),
    /** What it waits for in `requires_action`, and what was decided. */
    pendingCalls: json('pending_calls'),
    decisions: json('decisions'),
    /** Whether its messages go on where its session stands, and stay there. */
    isRemembered: boolean('is_remembered').notNull().default(false),
    traceId: text('trace_id').notNull(),
    spanId: text('span_id').notNull(),
    /** When its client gives up; null where nobody waits. */
    deadlineAt: timestamp('deadline_at', { withTimezone: true }),
    /** How long one attempt may take. */
    timeoutMs: integer('timeout_ms').notNull().default(60_000),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
    finishedAt: timestamp('finished_at', { withTimezone: true }),
    /** Set while it is a dead letter: it has failed, and an operator may have it tried again. */
    deadAt: timestamp('dead_at', { withTimezone: true }),
    usage: json('usage'),
    /** By the prices of its end; null where nobody had set any. */
    costNanoUsd: bigint('cost_nano_usd', { mode: 'number' }),
    slices: json('slices'),
    error: json('error'),
    /** Whether it holds a reservation from before it was let in until after its end. */
    isLimited: boolean('is_limited').notNull().default(false),
  },
  (table) => [
    index('runs_of_sender').on(table.tenantId, table.senderId, table.runId),
    index('runs_by_lease').on(table.leaseUntil).where(sql`status = 'running'`),
    // How many of a tenant's runs wait or are worked on, and what a session has open.
    index('runs_open').on(table.tenantId, table.status).where(sql`finished_at IS NULL`),
    index('runs_open_in_session').on(table.tenantId, table.sessionId).where(sql`is_remembered AND finished_at IS NULL`),
    index('runs_by_end').on(table.finishedAt).where(sql`finished_at IS NOT NULL`),
    index('runs_dead').on(table.deadAt).where(sql`dead_at IS NOT NULL`),
    index('runs_of_trace').on(table.traceId),
  ],
);

/** The journal: what a slice is resumed from. */
export const runSteps = pgTable(
  'run_steps',
  {
    runId: text('run_id').notNull(),
    sliceId: text('slice_id').notNull(),
    stepIndex: integer('step_index').notNull(),
    agentId: text('agent_id').notNull(),
    attempt: integer('attempt').notNull(),
    step: json('step').notNull(),
  },
  (table) => [primaryKey({ columns: [table.runId, table.sliceId, table.stepIndex] })],
);

export const runEvents = pgTable(
  'run_events',
  {
    runId: text('run_id').notNull(),
    seq: integer('seq').notNull(),
    type: text('type').notNull(),
    data: json('data').notNull(),
  },
  (table) => [primaryKey({ columns: [table.runId, table.seq] })],
);

/** A request that may be repeated: which run it began. */
export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    tenantId: text('tenant_id').notNull(),
    senderId: text('sender_id').notNull(),
    key: text('key').notNull(),
    /** Of the request, so that another request under the same key is seen. */
    fingerprint: text('fingerprint').notNull(),
    runId: text('run_id').notNull(),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.senderId, table.key] }),
    index('idempotency_keys_by_run').on(table.runId),
    index('idempotency_keys_by_age').on(table.createdAt),
  ],
);

/** A conversation that is remembered. Its row is the lock under which its runs follow each other. */
export const sessions = pgTable(
  'sessions',
  {
    tenantId: text('tenant_id').notNull(),
    sessionId: text('session_id').notNull(),
    /** The run that answers now; the others of the session wait for its end. */
    activeRunId: text('active_run_id'),
    turnCount: integer('turn_count').notNull().default(0),
    updatedAt: timestamp('updated_at', { withTimezone: true }).notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.sessionId] }), index('sessions_by_age').on(table.updatedAt)],
);

/** What was said in a session by one run: the messages that came, and the answer. */
export const sessionTurns = pgTable(
  'session_turns',
  {
    tenantId: text('tenant_id').notNull(),
    sessionId: text('session_id').notNull(),
    turn: integer('turn').notNull(),
    runId: text('run_id').notNull(),
    messages: json('messages').notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.sessionId, table.turn] })],
);

/** What counts for one limit of one owner. Its row is the lock under which it is decided who still has room. */
export const limitCounters = pgTable(
  'limit_counters',
  {
    /** `token:<id>`, `tenant:<id>` or `global`. */
    scope: text('scope').notNull(),
    kind: text('kind').notNull(),
    /** Of the minute, day or month that `used` tells of. */
    windowStart: timestamp('window_start', { withTimezone: true }).notNull(),
    /** Runs, tokens, or billionths of a dollar. */
    used: bigint('used', { mode: 'number' }).notNull(),
    /** Of the minute before. */
    previous: bigint('previous', { mode: 'number' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.scope, table.kind] })],
);

/** What a run holds of its limits until it is known what it has used. Whoever deletes the row has settled the run, and nobody else does. */
export const reservations = pgTable('reservations', {
  runId: text('run_id').primaryKey(),
  /** Of each limit: how much, and in which period. */
  items: json('items').notNull(),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull(),
});

/** The processes that work on runs, as each says of itself; nobody decides by it. */
export const workers = pgTable('workers', {
  workerId: text('worker_id').primaryKey(),
  role: text('role').notNull(),
  /** Slots by type, and how many of them are taken. */
  slots: json('slots').notNull(),
  startedAt: timestamp('started_at', { withTimezone: true }).notNull().defaultNow(),
  seenAt: timestamp('seen_at', { withTimezone: true }).notNull().defaultNow(),
});
