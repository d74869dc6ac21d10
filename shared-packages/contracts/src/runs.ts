import { z } from 'zod';
import { ErrorObject } from './error.ts';
import { RunId } from './ids.ts';
import { SliceReport, Usage } from './openai/chat-response.ts';

/** What a client's leaving does to its run: `cancel` stops the model, `continue` lets the answer be read later. */
export const ON_DISCONNECT = ['cancel', 'continue'] as const;
export type OnDisconnect = (typeof ON_DISCONNECT)[number];

export const RUN_STATUSES = ['running', 'completed', 'partial', 'failed', 'cancelled'] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

/** `GET /v1/runs/:id` */
export const RunResource = z.looseObject({
  id: RunId,
  object: z.literal('run'),
  /** A string and not an enum: a reader must survive a status that a later version adds. */
  status: z.string(),
  model: z.string(),
  /** How often a process has begun it; above 1, one has died under it. */
  attempt: z.number().int(),
  /** Number of its newest event. */
  last_seq: z.number().int(),
  created_at: z.number().int(),
  finished_at: z.number().int().nullable(),
  usage: Usage.nullable(),
  slices: z.array(SliceReport).nullable(),
  error: ErrorObject.nullable(),
});
export type RunResource = z.infer<typeof RunResource>;

/** `GET /v1/runs`: newest first; `next_cursor` is absent on the last page. */
export const RunList = z.looseObject({
  object: z.literal('list'),
  data: z.array(RunResource),
  next_cursor: z.string().optional(),
});
export type RunList = z.infer<typeof RunList>;

export const ListRunsQuery = z.object({
  cursor: RunId.optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
  status: z.enum(RUN_STATUSES).optional(),
});
export type ListRunsQuery = z.infer<typeof ListRunsQuery>;

/**
 * What happened in a run, numbered from 1 without a gap. `chunk`: an OpenAI chunk, often several tokens in one. `start`, `step`,
 * `restart` (a process died: forget the text so far, it comes again), `end` (the last one, with what came of the run).
 */
export const RUN_EVENT_TYPES = ['start', 'chunk', 'step', 'restart', 'end'] as const;
export type RunEventType = (typeof RUN_EVENT_TYPES)[number];

export const RunEvent = z.looseObject({ seq: z.number().int().positive(), type: z.string(), data: z.looseObject({}) });
export type RunEvent = z.infer<typeof RunEvent>;

/** `GET /v1/runs/:id/events` to a client that takes JSON: what there is, or after a while nothing. */
export const RunEventPage = z.looseObject({
  object: z.literal('list'),
  data: z.array(RunEvent),
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
