import { toRotatingSecret } from '@rubot/config/variable';
import { Capabilities } from '@rubot/contracts/agent';
import { ChallengeResponse, type DiagnoseRequest, Diagnosis, type Finding } from '@rubot/contracts/diagnosis';
import { ok, problem } from '@rubot/diagnosis/finding';
import { lookBehind } from '@rubot/diagnosis/look-behind';
import { withinTime } from '@rubot/diagnosis/within-time';
import { RubotError } from '@rubot/errors';
import { callUpstreamJson, type UpstreamCall } from '@rubot/http/upstream';
import type { Agent } from '../agents/agent.ts';
import type { CallContext } from '../clients/gateway.ts';
import type { OrchestratorDeps } from '../deps.ts';

export interface ReplicaToDiagnose {
  readonly agent: Agent;
  readonly origin: string;
  readonly request: DiagnoseRequest;
  readonly context: CallContext;
}

const CHALLENGE_TIMEOUT_MS = 3_000;
const QUESTION_TIMEOUT_MS = 5_000;

/** One process of an agent: whether it can be asked, and whether it reaches the middleware. */
export function diagnoseReplica(
  deps: OrchestratorDeps,
  { agent, origin, request, context }: ReplicaToDiagnose,
): Promise<readonly Finding[]> {
  const { orchestratorApiKey } = deps.config.secrets;
  const to = agent.replicas.length === 1 ? `agent-${agent.id}` : `agent-${agent.id} at ${origin}`;
  const fails = 'Questions that are sent to it fail, and the planner does not know what it can do.';
  const unreachable = `${fails} Check its entry in AGENT_REGISTRY_JSON, ${origin}, and its log.`;

  function toCall(method: UpstreamCall['method'], path: string, { span, deadline }: CallContext, body?: unknown): UpstreamCall {
    return {
      fetch: deps.client.fetch,
      peer: `rubot-agent-${agent.id}`,
      method,
      url: `${origin}${path}`,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      isIdempotent: true,
      span,
      deadline,
    };
  }

  const withKey = (call: UpstreamCall): UpstreamCall => ({ ...call, headers: { authorization: `Bearer ${deps.client.apiKey}` } });
  const limited = <T>(timeoutMs: number, work: (context: CallContext) => Promise<T>) => withinTime(context, timeoutMs, work);

  return lookBehind({
    from: 'orchestrator',
    to,
    service: `rubot-agent-${agent.id}`,
    secrets: { ORCHESTRATOR_API_KEY: toRotatingSecret(orchestratorApiKey, undefined) },
    hopKey: 'ORCHESTRATOR_API_KEY',
    breaks: { ORCHESTRATOR_API_KEY: fails },
    identity: deps.config.logSource,
    unreachable,
    ask: (challenge) =>
      limited(CHALLENGE_TIMEOUT_MS, (within) => callUpstreamJson(toCall('POST', '/challenge', within, challenge), ChallengeResponse)),
    questions: [
      () =>
        limited(QUESTION_TIMEOUT_MS, async (within) => {
          const looked = { check: 'capabilities', subject: `orchestrator → ${to}` };
          const capabilities = callUpstreamJson(withKey(toCall('GET', '/v1/capabilities', within)), Capabilities);
          return [
            await capabilities.then(
              (known) => judgeCapabilities(looked, agent.id, known),
              (thrown: unknown) => explain(looked, thrown, unreachable),
            ),
          ];
        }),
      () =>
        limited(QUESTION_TIMEOUT_MS, async (within) => {
          const { findings } = await callUpstreamJson(withKey(toCall('POST', '/v1/diagnosis', within, request)), Diagnosis);
          return findings.map((finding) => ({ ...finding, subject: finding.subject.replace(`agent-${agent.id}`, to) }));
        }),
    ],
  });
}

interface Looked {
  readonly check: string;
  readonly subject: string;
}

function judgeCapabilities(looked: Looked, agentId: string, { source_id: sourceId, tools }: Capabilities): Finding {
  if (sourceId === agentId) return ok(looked, `it says what it can do, with ${tools.length} tool(s)`);
  return problem(looked, `what is registered as ${agentId} says that it is ${sourceId}`, 'It is not asked. Correct AGENT_REGISTRY_JSON.');
}

function explain(looked: Looked, thrown: unknown, unreachable: string): Finding {
  const { message, cause } = RubotError.from(thrown);
  // Of agents that answer no challenge, this tells of a key that differs.
  if (RubotError.is(cause) && cause.code === 'invalid_api_key') {
    return problem({ ...looked, check: 'secret' }, 'ORCHESTRATOR_API_KEY differs: the agent refuses it', unreachable);
  }
  return problem(looked, `it does not say what it can do: ${message}`, unreachable);
}
