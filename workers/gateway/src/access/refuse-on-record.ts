import type { RecordAudit } from '@rubot/contracts/audit';
import type { RubotError } from '@rubot/errors';
import { createDeadline } from '@rubot/http/deadline';
import type { Context } from 'hono';
import type { GatewayEnv } from '../context.ts';
import type { GatewayDeps } from '../deps.ts';
import { waitFor } from '../wait-for.ts';
import { toActor, toAuditChain } from './authority.ts';

export interface Refusal {
  readonly action: 'access.refused' | 'request.refused';
  readonly error: RubotError;
  /** `reason`, and what it was about: names alone, no values that a client has sent. */
  readonly details: Readonly<Record<string, unknown>> & { readonly reason: string };
}

/** One that is put on record after the answer has still been put on record. */
const RECORD_TIMEOUT_MS = 10_000;
/** An answer that says no waits no longer than that for its record. */
const WAIT_MS = 1_000;
const MAX_TARGET_CHARACTERS = 300;

/**
 * Refuses a caller who is known, and has the refusal put on record first. Not for others: each record is a row, and whoever has no key
 * could fill the disk with them.
 *
 * @throws RubotError the error of the refusal, always
 */
export async function refuseOnRecord(c: Context<GatewayEnv>, deps: GatewayDeps, refusal: Refusal): Promise<never> {
  const recording = record(c, deps, refusal);
  outliveRequest(c, recording);
  await waitFor(recording, WAIT_MS);
  throw refusal.error;
}

async function record(c: Context<GatewayEnv>, { middleware }: GatewayDeps, { action, details }: Refusal): Promise<void> {
  const span = c.get('span');
  const authority = c.get('authority');
  // Not under the signal of the client: to leave is no way to stay off the record.
  const deadline = createDeadline({ timeoutMs: RECORD_TIMEOUT_MS });
  const entry: RecordAudit = {
    chain: toAuditChain(authority),
    action,
    target: `${c.req.method} ${c.req.path}`.slice(0, MAX_TARGET_CHARACTERS),
    outcome: 'refused',
    details,
  };
  try {
    await middleware.recordAudit(entry, toActor(authority), { span, deadline });
  } catch (error) {
    span.log('audit.failed', { error, extra: { action, ...details } });
  } finally {
    deadline.clear();
  }
}

/** workerd ends the work of a request with the request, unless it is told not to. */
function outliveRequest(c: Context<GatewayEnv>, work: Promise<unknown>): void {
  try {
    c.executionCtx.waitUntil(work);
  } catch {
    // Outside of workerd there is no such context, and nothing that would end the work.
  }
}
