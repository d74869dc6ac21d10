import type { RunResource } from '@rubot/contracts/runs';
import type { BaseEnv } from '@rubot/http/base-app';
import type { Handler } from 'hono';
import type { OrchestratorDeps } from '../deps.ts';
import type { NewRun } from '../runs/run-store.ts';
import { admitWithinLimits } from './admit-within-limits.ts';
import { readRunRequest } from './run-request.ts';
import { findRunById } from './runs.ts';

/** `POST /v1/runs`: a run for which nobody waits. Once this has answered, the run comes to an end, whatever dies. */
export function createRunHandler(deps: OrchestratorDeps): Handler<BaseEnv> {
  return async function createRun(c) {
    const asked = await readRunRequest(c, deps, { isAwaited: false });
    const { run, idempotency, session } = asked;
    const admitted = await admitWithinLimits(c, asked, deps, () => deps.runs.admit({ run, mayBegin: false, idempotency, session }));
    const runId = admitted.status === 'known' ? admitted.runId : run.runId;
    c.set('runId', runId);
    c.header('location', `/v1/runs/${runId}`);
    if (admitted.status === 'queued') return c.json(toQueued(run, admitted.createdAtSeconds), 202);
    c.set('isReplay', true);
    return c.json(await findRunById(c, deps.runs, run.caller, runId), 202);
  };
}

/** As it stands in the store at this moment. */
function toQueued({ runId, request, priority }: NewRun, createdAtSeconds: number): RunResource {
  return {
    id: runId,
    object: 'run',
    status: 'queued',
    model: request.model,
    priority,
    attempt: 0,
    last_seq: 1,
    created_at: createdAtSeconds,
    finished_at: null,
    usage: null,
    cost_usd: null,
    slices: null,
    error: null,
    required_action: null,
  };
}
