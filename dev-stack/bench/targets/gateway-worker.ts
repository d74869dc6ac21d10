import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { bundleWorker } from '@rubot/testkit/workerd/bundle-worker';
import { readWranglerConfig, type WranglerConfig } from '@rubot/testkit/workerd/wrangler-config';
import { REPOSITORY } from '../../src/repository.ts';
import { type RunningWorkerd, startWorkerd } from './start-workerd.ts';
import type { WorkerDefinition } from './workerd-config.ts';

const GATEWAY = new URL('workers/gateway/', REPOSITORY);
const STAND_IN = new URL('./session-stand-in.ts', import.meta.url);

export function readGatewayConfig(): Promise<WranglerConfig> {
  return readWranglerConfig(GATEWAY);
}

export interface GatewayOptions {
  readonly directory: string;
  readonly wrangler: WranglerConfig;
  readonly orchestratorUrl: string;
  /** What its clients and the orchestrator know it by. */
  readonly apiKey: string;
}

/** The gateway as it is deployed, in raw workerd; behind its service binding a stand-in for the middleware. */
export async function startGateway({ directory, wrangler, orchestratorUrl, apiKey }: GatewayOptions): Promise<RunningWorkerd> {
  const [gateway, standIn] = await Promise.all([
    prepareWorker(directory, wrangler, 'gateway', new URL(wrangler.main, GATEWAY)),
    prepareWorker(directory, wrangler, 'session-stand-in', STAND_IN),
  ]);
  const variables = {
    GATEWAY_API_KEY: apiKey,
    ADMIN_API_KEY: newSecret(),
    MIDDLEWARE_API_KEY: newSecret(),
    BEARER_SIGNING_SECRET: newSecret(),
    ORCHESTRATOR_URL: orchestratorUrl,
    LINK_URL: 'http://127.0.0.1/link',
  };
  return startWorkerd(directory, [{ ...gateway, variables, serviceBindings: { MIDDLEWARE: standIn.name } }, standIn]);
}

export async function prepareWorker(directory: string, wrangler: WranglerConfig, name: string, entry: URL): Promise<WorkerDefinition> {
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

export function newSecret(): string {
  return randomBytes(36).toString('base64url');
}
