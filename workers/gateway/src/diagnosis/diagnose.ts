import { toRotatingSecret } from '@rubot/config/variable';
import type { Finding } from '@rubot/contracts/diagnosis';
import { judgeRotation } from '@rubot/diagnosis/judge-rotation';
import { lookBehind } from '@rubot/diagnosis/look-behind';
import { makeChallenge, type NamedSecrets } from '@rubot/diagnosis/make-challenge';
import { withinTime } from '@rubot/diagnosis/within-time';
import type { CallContext } from '../clients/middleware.ts';
import type { GatewayDeps } from '../deps.ts';

const CHALLENGE_TIMEOUT_MS = 3_000;
const MIDDLEWARE_TIMEOUT_MS = 5_000;
const ORCHESTRATOR_TIMEOUT_MS = 11_000;

/** Looks at this gateway, and at all that lies behind it; one that is dead does not hide the others. */
export async function diagnose(deps: GatewayDeps, context: CallContext): Promise<readonly Finding[]> {
  const { gatewayApiKey, adminApiKey, middlewareApiKey, bearerSigningSecret } = deps.config.secrets;
  const shared = { MIDDLEWARE_API_KEY: toRotatingSecret(middlewareApiKey, undefined), BEARER_SIGNING_SECRET: bearerSigningSecret };
  const own = judgeRotation('gateway', {
    GATEWAY_API_KEY: gatewayApiKey,
    ADMIN_API_KEY: adminApiKey,
    BEARER_SIGNING_SECRET: bearerSigningSecret,
  });
  const behind = await Promise.all([diagnoseMiddleware(deps, shared, context), diagnoseOrchestrator(deps, shared, context)]);
  return [...own, ...behind.flat()];
}

function diagnoseMiddleware({ config, middleware }: GatewayDeps, secrets: NamedSecrets, context: CallContext): Promise<readonly Finding[]> {
  return lookBehind({
    from: 'gateway',
    to: 'middleware',
    service: 'rubot-middleware',
    secrets,
    hopKey: 'MIDDLEWARE_API_KEY',
    breaks: {
      MIDDLEWARE_API_KEY: 'Every request to the gateway fails, as it cannot learn who speaks.',
      BEARER_SIGNING_SECRET: 'Every tool call of every agent is refused with 401.',
    },
    identity: config.logSource,
    unreachable: 'Every request to the gateway fails. Check the service binding MIDDLEWARE, and the log of the middleware.',
    ask: (challenge) => withinTime(context, CHALLENGE_TIMEOUT_MS, (limited) => middleware.challenge(challenge, limited)),
    questions: [async () => (await withinTime(context, MIDDLEWARE_TIMEOUT_MS, (limited) => middleware.diagnose(limited))).findings],
  });
}

async function diagnoseOrchestrator(
  { config, orchestrator }: GatewayDeps,
  sharedWithMiddleware: NamedSecrets,
  context: CallContext,
): Promise<readonly Finding[]> {
  const middlewareChallenge = await makeChallenge(sharedWithMiddleware);
  return lookBehind({
    from: 'gateway',
    to: 'orchestrator',
    service: 'rubot-orchestrator',
    secrets: { GATEWAY_API_KEY: config.secrets.gatewayApiKey },
    hopKey: 'GATEWAY_API_KEY',
    breaks: { GATEWAY_API_KEY: 'Every completion and every run is refused.' },
    identity: config.logSource,
    unreachable: 'Every completion and every run fails. Check ORCHESTRATOR_URL, what stands before it, and the log of the orchestrator.',
    ask: (challenge) => withinTime(context, CHALLENGE_TIMEOUT_MS, (limited) => orchestrator.challenge(challenge, limited)),
    questions: [
      async () => {
        const request = { middleware_challenge: middlewareChallenge };
        return (await withinTime(context, ORCHESTRATOR_TIMEOUT_MS, (limited) => orchestrator.diagnose(request, limited))).findings;
      },
    ],
  });
}
