import { ListDeadLettersQuery, type RedriveReport, RedriveRequest } from '@rubot/contracts/dead-letters';
import { RubotError } from '@rubot/errors';
import { toOpenAiError } from '@rubot/errors/to-openai';
import type { BaseEnv } from '@rubot/http/base-app';
import { readJsonBody } from '@rubot/http/body';
import { parseInput } from '@rubot/http/parse';
import type { Handler } from 'hono';
import type { OrchestratorDeps } from '../deps.ts';
import type { RunStore } from '../runs/run-store.ts';

/** `GET /admin/dead-letters?cursor=&limit=`: of all tenants, the newest runs first. */
export function listDeadLettersHandler({ runs }: OrchestratorDeps): Handler<BaseEnv> {
  return async function listDeadLetters(c) {
    const query = parseInput(ListDeadLettersQuery, c.req.query());
    const found = await runs.listDeadLetters({ ...query, limit: query.limit + 1 });
    const data = found.slice(0, query.limit);
    const last = data.at(-1);
    return c.json({ object: 'list', data, ...(found.length > data.length && last !== undefined ? { next_cursor: last.run_id } : {}) });
  };
}

/** `POST /admin/dead-letters/redrive`: has runs tried again, each by itself; it says of each what came of it. */
export function redriveHandler({ runs, gateway, config, logger }: OrchestratorDeps): Handler<BaseEnv> {
  return async function redriveDeadLetters(c) {
    const { value } = await readJsonBody(c.req.raw, { maxBytes: config.maxBodyBytes });
    const runIds = new Set(parseInput(RedriveRequest, value).run_ids);
    if (gateway === undefined) throw withoutGateway();
    const data: RedriveReport['data'] = [];
    for (const runId of runIds) {
      const error = await redrive(runs, runId);
      data.push({ run_id: runId, redriven: error === undefined, ...(error === undefined ? {} : toOpenAiError(error)) });
      if (error === undefined) logger.log('run.redriven', {}, { run_id: runId, trace_id: c.get('span').traceId });
    }
    return c.json({ object: 'list', data } satisfies RedriveReport);
  };
}

/** @returns why it was not done. @throws what would keep any of them from being done: then the same may be asked again */
async function redrive(runs: RunStore, runId: string): Promise<RubotError | undefined> {
  try {
    await runs.redrive(runId);
    return undefined;
  } catch (thrown) {
    if (RubotError.is(thrown) && (thrown.code === 'conflict' || thrown.code === 'not_found')) return thrown;
    throw thrown;
  }
}

function withoutGateway(): RubotError {
  return new RubotError('misconfigured', 'A run that is tried again needs a fresh data bearer. Set GATEWAY_URL at the orchestrator.');
}
