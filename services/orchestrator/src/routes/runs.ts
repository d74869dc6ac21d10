import { RunId } from '@rubot/contracts/ids';
import { ListRunsQuery, type RunResource } from '@rubot/contracts/runs';
import { RubotError } from '@rubot/errors';
import type { BaseEnv } from '@rubot/http/base-app';
import { parseInput } from '@rubot/http/parse';
import type { Context, Handler } from 'hono';
import type { OrchestratorDeps } from '../deps.ts';
import type { RunOwner, RunStore } from '../runs/run-store.ts';
import { readOwner } from './caller.ts';
import { readIdempotencyKey } from './run-request.ts';
import { onceUnderKey } from './under-key.ts';

/** `GET /v1/runs/:runId` */
export function retrieveRunHandler({ runs }: OrchestratorDeps): Handler<BaseEnv> {
  return async (c) => c.json(await findRun(c, runs, readOwner(c.req.raw.headers)));
}

/** `GET /v1/runs?cursor=&limit=&status=`: the sender's own, newest first. */
export function listRunsHandler({ runs }: OrchestratorDeps): Handler<BaseEnv> {
  return async function listRuns(c) {
    const query = parseInput(ListRunsQuery, c.req.query());
    // One more than asked for tells whether there is another page.
    const found = await runs.list({ ...query, limit: query.limit + 1 }, readOwner(c.req.raw.headers));
    const data = found.slice(0, query.limit);
    const last = data.at(-1);
    return c.json({ object: 'list', data, ...(found.length > data.length && last !== undefined ? { next_cursor: last.id } : {}) });
  };
}

/** `POST /v1/runs/:runId/cancel`: from then on nothing more happens in it. 409 for a run that has ended. */
export function cancelRunHandler({ runs, activeRuns }: OrchestratorDeps): Handler<BaseEnv> {
  return async function cancelRun(c) {
    const owner = readOwner(c.req.raw.headers);
    const { id } = await findRun(c, runs, owner);
    const idempotency = readIdempotencyKey(c, '', NO_BODY);
    const isReplay = await onceUnderKey(runs, idempotency, owner, async () => {
      if (await runs.cancel(id, owner, idempotency)) return;
      const { status } = await findRun(c, runs, owner);
      throw new RubotError('conflict', `The run has ended already: it is ${status}.`);
    });
    if (isReplay) c.set('isReplay', true);
    activeRuns.abort(id, new RubotError('cancelled', 'The run was cancelled by request.'));
    return c.json(await findRun(c, runs, owner));
  };
}

const NO_BODY = new Uint8Array();

/** @throws RubotError `not_found`, for a run of somebody else's too: that there is one is none of the caller's business */
export function findRun(c: Context<BaseEnv>, runs: RunStore, owner: RunOwner): Promise<RunResource> {
  return findRunById(c, runs, owner, c.req.param('runId'));
}

/** @throws RubotError as above */
export async function findRunById(c: Context<BaseEnv>, runs: RunStore, owner: RunOwner, id: string | undefined): Promise<RunResource> {
  const runId = RunId.safeParse(id);
  const run = runId.success ? await runs.find(runId.data, owner) : undefined;
  if (run === undefined)
    throw new RubotError('not_found', 'There is no such run. Check its id, and that the sender is the one who began it.');
  c.get('span').annotate({ tenant_id: owner.tenantId, sender_id: owner.senderId, run_id: run.id });
  return run;
}
