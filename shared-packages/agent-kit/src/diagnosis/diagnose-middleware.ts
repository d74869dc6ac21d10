import type { ChallengeRequest, ChallengeResponse, DiagnoseRequest, Finding } from '@rubot/contracts/diagnosis';
import { askPeer, isProved } from '@rubot/diagnosis/ask-peer';
import { ok, problem } from '@rubot/diagnosis/finding';
import { withinTime } from '@rubot/diagnosis/within-time';
import type { AgentConfig } from '../env.ts';
import type { DataAccess, MiddlewareClient } from '../tools/middleware-client.ts';

export interface AgentToDiagnose {
  readonly name: string;
  readonly middleware: MiddlewareClient;
  readonly config: Pick<AgentConfig, 'logSource'>;
}

const TIMEOUT_MS = 3_000;

/**
 * Whether MIDDLEWARE_URL leads to the middleware of the gateway that asks. The agent has no secret in common with it, so it
 * passes on what the gateway has made: whoever cannot answer that rightly is another middleware, or none.
 */
export async function diagnoseMiddleware(
  { name, middleware, config }: AgentToDiagnose,
  { middleware_challenge: passedOn }: DiagnoseRequest,
  context: Pick<DataAccess, 'span' | 'deadline'>,
): Promise<readonly Finding[]> {
  let answer: ChallengeResponse | undefined;

  async function ask(own: ChallengeRequest): Promise<ChallengeResponse> {
    answer = await withinTime(context, TIMEOUT_MS, (limited) => middleware.challenge(passedOn ?? own, limited));
    return answer;
  }

  const { findings } = await askPeer({
    from: name,
    to: 'middleware',
    service: 'rubot-middleware',
    secrets: {},
    breaks: {},
    identity: config.logSource,
    unreachable: `Tools of the middleware fail for this agent. Check its MIDDLEWARE_URL.`,
    ask,
  });
  const isKnown = answer !== undefined && passedOn !== undefined;
  return isKnown ? [...findings, judgeAnswer(name, answer?.secrets ?? {})] : findings;
}

function judgeAnswer(name: string, verdicts: Readonly<Record<string, string>>): Finding {
  const looked = { check: 'address', subject: `${name} → middleware` };
  if (Object.values(verdicts).some(isProved)) return ok(looked, 'MIDDLEWARE_URL leads to the middleware that the gateway uses');
  return problem(
    looked,
    'what answers at MIDDLEWARE_URL holds none of the secrets that the gateway shares with its middleware',
    'Every tool call of this agent is refused. Set MIDDLEWARE_URL to the middleware of the same deployment; if gateway → middleware differs as well, put that right first.',
  );
}
