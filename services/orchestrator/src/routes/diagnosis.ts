import { DiagnoseRequest, type Diagnosis } from '@rubot/contracts/diagnosis';
import type { BaseEnv } from '@rubot/http/base-app';
import { readJsonBody } from '@rubot/http/body';
import { createDeadline, readGrantedMs } from '@rubot/http/deadline';
import { parseInput } from '@rubot/http/parse';
import type { Handler } from 'hono';
import type { OrchestratorDeps } from '../deps.ts';
import { diagnose } from '../diagnosis/diagnose.ts';

/** A challenge that is passed on. */
const MAX_BODY_BYTES = 4_096;
const TIMEOUT_MS = 10_000;

/** `POST /admin/diagnosis`: whether the database, the agents and the gateway go together with this orchestrator. */
export function diagnosisHandler(deps: OrchestratorDeps): Handler<BaseEnv> {
  return async function diagnoseNeighbours(c) {
    const { value } = await readJsonBody(c.req.raw, { maxBytes: MAX_BODY_BYTES });
    const request = parseInput(DiagnoseRequest, value);
    const timeoutMs = readGrantedMs(c.req.raw.headers, TIMEOUT_MS);
    const deadline = createDeadline({ timeoutMs, callerSignal: c.req.raw.signal });
    try {
      const findings = await diagnose(deps, request, { span: c.get('span'), deadline });
      return c.json({ findings: [...findings] } satisfies Diagnosis);
    } finally {
      deadline.clear();
    }
  };
}
