import { RubotError } from '@rubot/errors';
import type { BaseEnv } from '@rubot/http/base-app';
import type { Context } from 'hono';
import type { OrchestratorDeps } from '../deps.ts';
import { toRateLimitHeaders } from '../limits/rate-limit-headers.ts';
import { pickRefusal, toLimitError } from '../limits/refusal.ts';
import type { Admitted } from '../runs/run-store.ts';
import type { RunRequest } from './run-request.ts';

/**
 * Lets a run in if each of its limits has room for it, and takes none of them where it is not let in. A request that was made before has
 * its answer, whatever is left of the limits.
 *
 * @throws RubotError `rate_limited`, `insufficient_quota`; whatever `admit` throws
 */
export async function admitWithinLimits(
  c: Context<BaseEnv>,
  asked: RunRequest,
  deps: OrchestratorDeps,
  admit: () => Promise<Admitted>,
): Promise<Admitted> {
  const { run, demands } = asked;
  if (demands.length === 0) return admit();
  const known = await findKnown(asked, deps);
  if (known !== undefined) {
    c.set('rateLimitHeaders', toRateLimitHeaders(await deps.reservations.peek(demands)));
    return known;
  }
  const { refusals, standings, isNew } = await deps.reservations.reserve({ runId: run.runId, demands });
  c.set('rateLimitHeaders', toRateLimitHeaders(standings));
  const refusal = pickRefusal(refusals);
  if (refusal === undefined) return isNew ? admitReserved(run.runId, deps, admit) : admit();
  // Of two under one key at the same moment, the other may have taken what was left.
  const twin = await findKnown(asked, deps);
  if (twin !== undefined) return twin;
  const error = toLimitError(refusal);
  deps.metrics.runs.limited(error.code, refusal.demand);
  throw error;
}

async function findKnown({ idempotency, run }: RunRequest, { runs }: OrchestratorDeps): Promise<Admitted | undefined> {
  const known = idempotency === undefined ? undefined : await runs.findByKey(idempotency, run.caller);
  return known === undefined ? undefined : { status: 'known', ...known };
}

async function admitReserved(runId: string, { reservations, logger }: OrchestratorDeps, admit: () => Promise<Admitted>): Promise<Admitted> {
  const giveBack = () =>
    reservations.release(runId).catch((error: unknown) => logger.log('limits.unsettled', { error }, { run_id: runId }));
  try {
    const admitted = await admit();
    if (admitted.status === 'known') await giveBack();
    return admitted;
  } catch (thrown) {
    // Where nobody knows whether it was let in, the sweeper finds out.
    if (wasCertainlyRefused(thrown)) await giveBack();
    throw thrown;
  }
}

function wasCertainlyRefused(thrown: unknown): boolean {
  return RubotError.is(thrown) && (thrown.code !== 'unavailable' || thrown.retryable);
}
