import { z } from 'zod';
import { ErrorObject } from '../../error.ts';
import { RunId } from '../../ids.ts';

/** A run that failed as often as it may, or under which too many processes died; it can be tried again. */
export const DeadLetter = z.looseObject({
  run_id: z.string(),
  tenant_id: z.string(),
  sender_id: z.string(),
  model: z.string(),
  /** How often it was begun. */
  attempt: z.number().int(),
  created_at: z.number().int(),
  died_at: z.number().int(),
  error: ErrorObject.nullable(),
});
export type DeadLetter = z.infer<typeof DeadLetter>;

/** `GET /admin/dead-letters` at the gateway and at the orchestrator: the newest runs first; `next_cursor` is absent on the last page. */
export const DeadLetterList = z.looseObject({
  object: z.literal('list'),
  data: z.array(DeadLetter),
  next_cursor: z.string().optional(),
});
export type DeadLetterList = z.infer<typeof DeadLetterList>;

export const ListDeadLettersQuery = z.object({
  cursor: RunId.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});
export type ListDeadLettersQuery = z.infer<typeof ListDeadLettersQuery>;

/** `POST /admin/dead-letters/redrive` at the gateway and at the orchestrator. */
export const RedriveRequest = z.strictObject({ run_ids: z.array(RunId).min(1).max(100) });
export type RedriveRequest = z.infer<typeof RedriveRequest>;

/** What came of each: it waits in the queue again, or why it does not. */
export const RedriveReport = z.looseObject({
  object: z.literal('list'),
  data: z.array(z.looseObject({ run_id: z.string(), redriven: z.boolean(), error: ErrorObject.optional() })),
});
export type RedriveReport = z.infer<typeof RedriveReport>;
