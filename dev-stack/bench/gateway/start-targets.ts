import type { WranglerConfig } from '@rubot/testkit/workerd/wrangler-config';
import { toClientHeaders } from '../conversation.ts';
import { makeBenchDirectory } from '../targets/directory.ts';
import { newSecret, prepareWorker, readGatewayConfig, startGateway } from '../targets/gateway-worker.ts';
import type { OwnedProcess } from '../targets/own-process.ts';
import { type RunningWorkerd, startWorkerd } from '../targets/start-workerd.ts';
import type { Target } from '../targets/target.ts';
import { startUpstream } from '../upstream/start-upstream.ts';

export const TARGET_NAMES = ['upstream', 'pass-through', 'gateway'] as const;
export type TargetName = (typeof TARGET_NAMES)[number];

export type GatewayBenchTarget = Target & Pick<OwnedProcess, 'processId'>;

export interface RunningTargets {
  readonly targets: Readonly<Record<TargetName, GatewayBenchTarget>>;
  readonly compatibilityDate: string;
  /** How many lines the gateway has logged since the last call. */
  takeLogLines(): Promise<number>;
  stop(): Promise<void>;
}

const ORCHESTRATOR = new URL('./orchestrator.ts', import.meta.url);
const PASS_THROUGH = new URL('./pass-through.ts', import.meta.url);

/** The upstream, the bare Worker and the gateway, each in a process of its own and all at once, so that rounds can alternate. */
export async function startTargets(): Promise<RunningTargets> {
  const directory = await makeBenchDirectory();
  const wrangler = await readGatewayConfig();
  const upstream = await startUpstream(ORCHESTRATOR);
  const apiKey = newSecret();
  const [passThrough, gateway] = await Promise.all([
    startPassThrough(directory, wrangler, upstream.url),
    startGateway({ directory, wrangler, orchestratorUrl: upstream.url, apiKey }),
  ]);
  const toTarget = ({ url, processId }: OwnedProcess & { readonly url: string }): GatewayBenchTarget => ({
    url,
    processId,
    toHeaders: (identity) => toClientHeaders(apiKey, identity),
  });
  return {
    targets: { upstream: toTarget(upstream), 'pass-through': toTarget(passThrough), gateway: toTarget(gateway) },
    compatibilityDate: wrangler.compatibility_date,
    takeLogLines: gateway.takeLogLines,
    async stop() {
      await Promise.all([upstream.stop(), passThrough.stop(), gateway.stop()]);
    },
  };
}

async function startPassThrough(directory: string, wrangler: WranglerConfig, upstreamUrl: string): Promise<RunningWorkerd> {
  const worker = await prepareWorker(directory, wrangler, 'pass-through', PASS_THROUGH);
  return startWorkerd(directory, [{ ...worker, variables: { UPSTREAM_URL: upstreamUrl } }]);
}
