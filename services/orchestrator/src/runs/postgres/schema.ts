import { sql } from 'drizzle-orm';
import { boolean, index, integer, json, pgTable, primaryKey, text, timestamp } from 'drizzle-orm/pg-core';

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
    /** The fencing token: a write that names another attempt than this one finds no row. */
    attempt: integer('attempt').notNull(),
    crashCount: integer('crash_count').notNull().default(0),
    /** Whoever holds the run has until then to say that it lives; null once the run has ended. */
    leaseUntil: timestamp('lease_until', { withTimezone: true }),
    /** Set by a process that gives the run back in order: then its lapse is no crash. */
    isHandedBack: boolean('is_handed_back').notNull().default(false),
    lastSeq: integer('last_seq').notNull(),
    plan: json('plan'),
    /** What is needed to go on with it elsewhere; emptied at the end. */
    request: json('request'),
    allowedAgents: json('allowed_agents'),
    dataBearer: text('data_bearer'),
    traceId: text('trace_id').notNull(),
    spanId: text('span_id').notNull(),
    deadlineAt: timestamp('deadline_at', { withTimezone: true }).notNull(),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
    finishedAt: timestamp('finished_at', { withTimezone: true }),
    usage: json('usage'),
    slices: json('slices'),
    error: json('error'),
  },
  (table) => [
    index('runs_of_sender').on(table.tenantId, table.senderId, table.runId),
    index('runs_by_lease').on(table.leaseUntil).where(sql`status = 'running'`),
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
