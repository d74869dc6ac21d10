import type { ModelList } from '@rubot/contracts/models';
import { RubotError } from '@rubot/errors';
import { createDeadline } from '@rubot/http/deadline';
import type { Context, Handler } from 'hono';
import type { GatewayEnv } from '../context.ts';
import type { GatewayDeps } from '../deps.ts';

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

async function listModels(c: Context<GatewayEnv>, { config, sessions, orchestrator }: GatewayDeps): Promise<ModelList> {
  const deadline = createDeadline({ timeoutMs: config.requestTimeoutMs, callerSignal: c.req.raw.signal });
  const context = { span: c.get('span'), deadline };
  try {
    const identity = c.get('identity');
    const session = await sessions.resolve(identity, context);
    if (session.status === 'unlinked') {
      throw new RubotError('forbidden', `This sender is not linked to a tenant. Link it at ${config.linkUrl}.`);
    }
    context.span.annotate({ tenant_id: session.tenant_id });
    const caller = {
      tenantId: session.tenant_id,
      sessionId: identity.session_id,
      senderId: identity.sender_id,
      allowedAgents: session.allowed_agents,
    };
    return await orchestrator.listModels(caller, context);
  } finally {
    deadline.clear();
  }
}
