import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { bundleWorker } from '@rubot/testkit/workerd/bundle-worker';
import { readWranglerConfig, type WranglerConfig } from '@rubot/testkit/workerd/wrangler-config';
import { REPOSITORY } from '../../src/repository.ts';
import { startUpstream } from './start-upstream.ts';
import { type RunningWorkerd, startWorkerd } from './start-workerd.ts';
import type { WorkerDefinition } from './workerd-config.ts';

export const TARGET_NAMES = ['upstream', 'pass-through', 'gateway'] as const;
export type TargetName = (typeof TARGET_NAMES)[number];

/** Something that answers `POST /v1/chat/completions`. */
export interface Target {
  readonly url: string;
  /** The process whose CPU time the target costs. */
  readonly processId: number;
}

export interface RunningTargets {
  readonly targets: Readonly<Record<TargetName, Target>>;
  /** What clients of the gateway send as their key. */
  readonly apiKey: string;
  readonly compatibilityDate: string;
  /** How many lines the gateway has logged since the last call. */
  takeLogLines(): Promise<number>;
  stop(): Promise<void>;
}

const BENCH_WORKERS = new URL('../workers/', import.meta.url);
const GATEWAY = new URL('workers/gateway/', REPOSITORY);

/** The upstream, the bare Worker and the gateway, each in a process of its own and all at once, so that rounds can alternate. */
export async function startTargets(): Promise<RunningTargets> {
  const directory = await mkdtemp(path.join(tmpdir(), 'rubot-bench-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  const wrangler = await readWranglerConfig(GATEWAY);
  const upstream = await startUpstream();
  const apiKey = newSecret();
  const [passThrough, gateway] = await Promise.all([
    startPassThrough(directory, wrangler, upstream.url),
    startGateway(directory, wrangler, upstream.url, apiKey),
  ]);
  return {
    targets: { upstream, 'pass-through': passThrough, gateway },
    apiKey,
    compatibilityDate: wrangler.compatibility_date,
    takeLogLines: gateway.takeLogLines,
    async stop() {
      await Promise.all([upstream.stop(), passThrough.stop(), gateway.stop()]);
    },
  };
}

async function startPassThrough(directory: string, wrangler: WranglerConfig, upstreamUrl: string): Promise<RunningWorkerd> {
  const worker = await prepareWorker(directory, wrangler, 'pass-through', new URL('pass-through.ts', BENCH_WORKERS));
  return startWorkerd(directory, [{ ...worker, variables: { UPSTREAM_URL: upstreamUrl } }]);
}

async function startGateway(directory: string, wrangler: WranglerConfig, upstreamUrl: string, apiKey: string): Promise<RunningWorkerd> {
  const [gateway, standIn] = await Promise.all([
    prepareWorker(directory, wrangler, 'gateway', new URL(wrangler.main, GATEWAY)),
    prepareWorker(directory, wrangler, 'session-stand-in', new URL('session-stand-in.ts', BENCH_WORKERS)),
  ]);
  const variables = {
    GATEWAY_API_KEY: apiKey,
    ADMIN_API_KEY: newSecret(),
    MIDDLEWARE_API_KEY: newSecret(),
    BEARER_SIGNING_SECRET: newSecret(),
    ORCHESTRATOR_URL: upstreamUrl,
    LINK_URL: 'http://127.0.0.1/link',
  };
  return startWorkerd(directory, [{ ...gateway, variables, serviceBindings: { MIDDLEWARE: standIn.name } }, standIn]);
}

async function prepareWorker(directory: string, wrangler: WranglerConfig, name: string, entry: URL): Promise<WorkerDefinition> {
  const module = `${name}.js`;
  await writeFile(path.join(directory, module), await bundleWorker(entry));
  return {
    name,
    module,
    compatibilityDate: wrangler.compatibility_date,
    compatibilityFlags: wrangler.compatibility_flags,
    variables: {},
    serviceBindings: {},
  };
}

function newSecret(): string {
  return randomBytes(36).toString('base64url');
}
