import { DiagnoseRequest, type Diagnosis } from '@rubot/contracts/diagnosis';
import { judgeRotation } from '@rubot/diagnosis/judge-rotation';
import type { BaseEnv } from '@rubot/http/base-app';
import { readJsonBody } from '@rubot/http/body';
import { createDeadline, readGrantedMs } from '@rubot/http/deadline';
import { parseInput } from '@rubot/http/parse';
import type { Handler } from 'hono';
import type { Agent } from '../define-agent.ts';
import type { AgentDeps } from '../deps.ts';
import { diagnoseMiddleware } from '../diagnosis/diagnose-middleware.ts';

/** A challenge that is passed on. */
const MAX_BODY_BYTES = 4_096;
const TIMEOUT_MS = 4_000;

/** `POST /v1/diagnosis`: whether this agent reaches the middleware of the gateway that asks. */
export function diagnosisHandler({ id }: Agent, { config, middleware }: AgentDeps): Handler<BaseEnv> {
  return async function diagnose(c) {
    const { value } = await readJsonBody(c.req.raw, { maxBytes: MAX_BODY_BYTES });
    const request = parseInput(DiagnoseRequest, value);
    const timeoutMs = readGrantedMs(c.req.raw.headers, TIMEOUT_MS);
    const deadline = createDeadline({ timeoutMs, callerSignal: c.req.raw.signal });
    const name = `agent-${id}`;
    try {
      const rotation = judgeRotation(name, { ORCHESTRATOR_API_KEY: config.secrets.orchestratorApiKey });
      const context = { span: c.get('span'), deadline };
      const behind = middleware === undefined ? [] : await diagnoseMiddleware({ name, middleware, config }, request, context);
      return c.json({ findings: [...rotation, ...behind] } satisfies Diagnosis);
    } finally {
      deadline.clear();
    }
  };
}
