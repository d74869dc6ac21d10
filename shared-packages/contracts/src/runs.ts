import { z } from 'zod';
import { ErrorObject } from './error.ts';
import { RunId, TraceId } from './ids.ts';
import { RequiredAction, SliceReport, Usage } from './openai/chat-response.ts';

/** What a client's leaving does to its run: `cancel` stops the model, `continue` lets the answer be read later. */
export const ON_DISCONNECT = ['cancel', 'continue'] as const;

/** Those of a run that has not ended: it waits for a slot, is worked on, or waits for a person's decision. */
export const OPEN_STATUSES = ['queued', 'running', 'requires_action'] as const;
export const RUN_STATUSES = [...OPEN_STATUSES, 'completed', 'partial', 'failed', 'cancelled'] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];
export type OpenStatus = (typeof OPEN_STATUSES)[number];

/** Which of the waiting runs is begun first; a lower one gains on a higher one while it waits. */
export const PRIORITIES = ['high', 'normal', 'low'] as const;
export type Priority = (typeof PRIORITIES)[number];

/** What a message does to a remembered session that is still being answered. */
export const SESSION_STRATEGIES = ['enqueue', 'reject', 'interrupt'] as const;
export type SessionStrategy = (typeof SESSION_STRATEGIES)[number];

/** `session`: the conversation is kept under its session id, and the request brings its newest messages alone. */
export const MEMORIES = ['none', 'session'] as const;
export type Memory = (typeof MEMORIES)[number];

export const DECISIONS = ['approve', 'reject'] as const;

/** `POST /v1/runs/:id/approvals/:tool_call_id` */
export const ApprovalDecision = z.strictObject({
  decision: z.enum(DECISIONS),
  /** Told to the model with a rejection. */
  comment: z.string().max(2_000).optional(),
});
export type ApprovalDecision = z.infer<typeof ApprovalDecision>;

/** `GET /v1/runs/:id` */
export const RunResource = z.looseObject({
  id: RunId,
  object: z.literal('run'),
  /** A string and not an enum: a reader must survive a status that a later version adds. */
  status: z.string(),
  model: z.string(),
  /** How often it was begun, taken over or taken up again. */
  attempt: z.number().int(),
  /** Number of its newest event. */
  last_seq: z.number().int(),
  created_at: z.number().int(),
  finished_at: z.number().int().nullable(),
  usage: Usage.nullable(),
  /** By the prices that the operator has set; absent or null where there are none, and before the run has ended. */
  cost_usd: z.number().nullish(),
  slices: z.array(SliceReport).nullable(),
  error: ErrorObject.nullable(),
  /** The calls that a run in `requires_action` waits for; those that are decided are gone from it. */
  required_action: RequiredAction.nullish(),
});
export type RunResource = z.infer<typeof RunResource>;

/** `GET /v1/runs`: newest first; `next_cursor` is absent on the last page. */
export const RunList = z.looseObject({
  object: z.literal('list'),
  data: z.array(RunResource),
  next_cursor: z.string().optional(),
});
export type RunList = z.infer<typeof RunList>;

/** `GET /v1/traces/:trace_id`: the sender's own runs of one trace, oldest first; of very many, the newest. */
export const Trace = z.looseObject({ object: z.literal('trace'), id: TraceId, runs: z.array(RunResource) });
export type Trace = z.infer<typeof Trace>;

export const ListRunsQuery = z.object({
  cursor: RunId.optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
  status: z.enum(RUN_STATUSES).optional(),
});
export type ListRunsQuery = z.infer<typeof ListRunsQuery>;

/**
 * What happened in a run, numbered from 1 without a gap. `start`: it was accepted. `chunk`: an OpenAI chunk, often several
 * tokens in one. `step`: an agent has finished a step. `requires_action`: it waits for decisions on tool calls. `approval`: one was
 * decided. `retry`: an attempt failed and another follows. `restart`: it is begun again, forget the text so far, it comes again.
 * `end`: the last one, with what came of the run.
 */
export const RUN_EVENT_TYPES = ['start', 'chunk', 'step', 'requires_action', 'approval', 'retry', 'restart', 'end'] as const;
export type RunEventType = (typeof RUN_EVENT_TYPES)[number];

export const RunEvent = z.looseObject({ seq: z.number().int().positive(), type: z.string(), data: z.looseObject({}) });
export type RunEvent = z.infer<typeof RunEvent>;

/**
 * Stands in a stream or page for events that are not kept any more. It has no number of its own: what follows it is
 * `to_seq + 1`, and `run` says what came of what is missing.
 */
export const GAP_EVENT = 'gap';
export const GapEvent = z.looseObject({ from_seq: z.number().int(), to_seq: z.number().int(), run: RunResource });
export type GapEvent = z.infer<typeof GapEvent>;

/** `GET /v1/runs/:id/events` to a client that takes JSON: what there is, or after a while nothing. */
export const RunEventPage = z.looseObject({
  object: z.literal('list'),
  data: z.array(RunEvent),
  /** Set where events before `data` are not kept any more. */
  gap: GapEvent.optional(),
  /** To ask with next, as `after_seq`. */
  last_seq: z.number().int(),
  /** True when nothing can follow any more. */
  ended: z.boolean(),
});
export type RunEventPage = z.infer<typeof RunEventPage>;

const Seq = z.coerce.number().int().min(0).max(2_147_483_647);

export const ListRunEventsQuery = z.object({
  after_seq: Seq.optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
  /** How long a page waits for its first event. */
  wait_ms: z.coerce.number().int().min(0).max(30_000).default(20_000),
});

/** `Last-Event-ID`, as browsers send it when they reconnect. */
export const LastEventId = Seq;
