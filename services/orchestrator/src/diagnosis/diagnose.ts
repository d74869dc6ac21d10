import { once } from 'node:events';
import type { DiagnoseRequest, Finding } from '@rubot/contracts/diagnosis';
import { askPeer } from '@rubot/diagnosis/ask-peer';
import { problem, warning } from '@rubot/diagnosis/finding';
import { judgeMigrations } from '@rubot/diagnosis/judge-migrations';
import { judgeRotation } from '@rubot/diagnosis/judge-rotation';
import { withinTime } from '@rubot/diagnosis/within-time';
import { RubotError } from '@rubot/errors';
import type { CallContext } from '../clients/gateway.ts';
import type { OrchestratorDeps } from '../deps.ts';
import { diagnoseReplica } from './diagnose-replica.ts';

const DATABASE = 'orchestrator → PostgreSQL';
const DATABASE_TIMEOUT_MS = 4_000;
const GATEWAY_TIMEOUT_MS = 3_000;

/** Looks at this orchestrator and at all that it calls; one that is dead does not hide the others. */
export async function diagnose(deps: OrchestratorDeps, request: DiagnoseRequest, context: CallContext): Promise<readonly Finding[]> {
  const replicas = [...deps.directory.agents.values()].flatMap((agent) => agent.replicas.map(({ origin }) => ({ agent, origin })));
  const found = await Promise.all([
    diagnoseDatabase(deps),
    diagnoseGateway(deps, context),
    ...replicas.map(({ agent, origin }) => diagnoseReplica(deps, { agent, origin, request, context })),
  ]);
  return [...judgeRotation('orchestrator', { GATEWAY_API_KEY: deps.config.secrets.gatewayApiKey }), ...found.flat()];
}

async function diagnoseDatabase({ readMigrations }: OrchestratorDeps): Promise<readonly Finding[]> {
  try {
    const late = once(AbortSignal.timeout(DATABASE_TIMEOUT_MS), 'abort').then(() => Promise.reject(tooSlow()));
    const migrations = await Promise.race([readMigrations(), late]);
    return [judgeMigrations({ subject: DATABASE, ...migrations, remedy: 'An orchestrator applies them when it starts: restart it.' })];
  } catch (thrown) {
    const { message } = RubotError.from(thrown);
    const consequence = 'No run can be accepted, so that every completion fails. Check DATABASE_URL and the database itself.';
    return [problem({ check: 'reachable', subject: DATABASE }, message, consequence)];
  }
}

function tooSlow(): RubotError {
  return new RubotError('unavailable', `The database gave no answer within ${DATABASE_TIMEOUT_MS / 1_000} s.`);
}

async function diagnoseGateway({ config, gateway }: OrchestratorDeps, context: CallContext): Promise<readonly Finding[]> {
  const looked = { from: 'orchestrator', to: 'gateway' } as const;
  const fails = 'Runs that outlive their data bearer lose their tools, and dead letters cannot be tried again.';
  if (gateway === undefined) {
    return [
      warning(
        { check: 'reachable', subject: `${looked.from} → ${looked.to}` },
        'GATEWAY_URL is not set',
        `${fails} Set it to the URL of the gateway.`,
      ),
    ];
  }
  const { findings } = await askPeer({
    ...looked,
    service: 'rubot-gateway',
    secrets: { GATEWAY_API_KEY: config.secrets.gatewayApiKey },
    hopKey: 'GATEWAY_API_KEY',
    breaks: { GATEWAY_API_KEY: fails },
    identity: config.logSource,
    unreachable: `${fails} Check GATEWAY_URL: it should lead back to the gateway that calls this orchestrator.`,
    ask: (challenge) => withinTime(context, GATEWAY_TIMEOUT_MS, (limited) => gateway.challenge(challenge, limited)),
  });
  return findings;
}
