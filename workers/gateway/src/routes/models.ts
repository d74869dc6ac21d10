import type { ModelList } from '@rubot/contracts/models';
import { RubotError } from '@rubot/errors';
import type { Context, Handler } from 'hono';
import type { GatewayEnv } from '../context.ts';
import type { GatewayDeps } from '../deps.ts';
import { requireCaller } from '../sessions/resolve-caller.ts';
import { withinDeadline } from '../within-deadline.ts';

/** `GET /v1/models`: what the caller's tenant may name as `model`. */
export function listModelsHandler(deps: GatewayDeps): Handler<GatewayEnv> {
  return async (c) => c.json(await listModels(c, deps));
}

/** `GET /v1/models/:model`; ids hold a slash, which SDKs encode. */
export function retrieveModelHandler(deps: GatewayDeps): Handler<GatewayEnv> {
  return async function retrieveModel(c) {
    const id = c.req.param('model');
    const { data } = await listModels(c, deps);
    const model = data.find((candidate) => candidate.id === id);
    if (model === undefined) {
      throw new RubotError('model_not_found', `There is no such model here. Choose one of: ${data.map((known) => known.id).join(', ')}.`, {
        param: 'model',
      });
    }
    return c.json(model);
  };
}

function listModels(c: Context<GatewayEnv>, deps: GatewayDeps): Promise<ModelList> {
  return withinDeadline(c, deps.config.requestTimeoutMs, async (context) =>
    deps.orchestrator.listModels(await requireCaller(c, deps, context), context),
  );
}
