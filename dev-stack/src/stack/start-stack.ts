import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogWriter, type LogWriter } from '@rubot/traces/node/log-writer';
import type { ProcessEnd } from '../processes/start-process.ts';
import { DEMO, type Demo } from '../seed/demo.ts';
import { seedDemo } from '../seed/seed-demo.ts';
import type { StackKeys } from './keys.ts';
import { createLogHub, type LogHub } from './log-hub.ts';
import type { StackOptions } from './options.ts';
import { ORCHESTRATOR, POSTGRES, planStack, type StackPlan, toFolder, WORKERS } from './plan-stack.ts';
import { StackError } from './stack-error.ts';
import { createSupervisor, type Supervisor } from './supervisor.ts';
import type { StackUrls } from './urls.ts';

export interface Stack extends Pick<LogHub, 'linesOf' | 'waitForLine' | 'waitForTrace'> {
  readonly urls: StackUrls;
  readonly keys: StackKeys;
  readonly demo: Demo;
  /** Services by their folders: `orchestrator`, `agent-tables`; `workers` for both Workers. */
  startService(name: string): Promise<void>;
  stopService(name: string): Promise<ProcessEnd>;
  killService(name: string, signal?: NodeJS.Signals): Promise<void>;
  restartService(name: string): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Boots the whole platform on loopback, each service as its deployment runs it. Nothing of it outlives this process.
 *
 * @throws StackError in words that say what to do
 */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  // Not the host's own temporary one: what is in it outlives a restart of the host.
  const temporary = options.postgresDirectory === undefined ? mkdtempSync(join(tmpdir(), 'rubot-stack-')) : undefined;
  const plan = await planStack(options, options.postgresDirectory ?? temporary ?? '');
  const log = createLogHub();
  const store = openStore(options);
  const supervisor = createSupervisor({
    services: plan.services,
    onLine(line) {
      store?.write(line);
      log.accept(line);
      options.onLine?.(line);
    },
    onNoise: options.onNoise ?? ignore,
    onCrash: options.onCrash ?? ignore,
  });

  async function startService(name: string): Promise<void> {
    const since = new Date().toISOString();
    await supervisor.start(name);
    if (name === ORCHESTRATOR) await untilAgentsAreKnown(plan, log, since);
  }

  async function stop(): Promise<void> {
    await supervisor.stopAll(POSTGRES);
    await store?.close();
    if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true });
  }

  try {
    await startAll(plan, startService);
    if (options.seed !== false) await seedDemo({ middlewareUrl: plan.urls.middleware, keys: plan.keys });
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  return { ...toControls(supervisor, startService), ...log, urls: plan.urls, keys: plan.keys, demo: DEMO, stop };
}

function openStore({ logFile, onLogStoreFailure = ignore }: StackOptions): LogWriter | undefined {
  return logFile === undefined ? undefined : createLogWriter({ path: logFile, onError: onLogStoreFailure });
}

function ignore(): void {}

function toControls(supervisor: Supervisor, startService: Stack['startService']) {
  return {
    startService,
    stopService: supervisor.stop,
    killService: supervisor.kill,
    async restartService(name: string) {
      await supervisor.stop(name);
      await startService(name);
    },
  };
}

/** The orchestrator last, as it asks its agents who they are when it starts, and its database for the schema. */
async function startAll(plan: StackPlan, startService: Stack['startService']): Promise<void> {
  const first = [WORKERS, ...(plan.services.has(POSTGRES) ? [POSTGRES] : []), ...plan.agentIds.map(toFolder)];
  const outcomes = await Promise.allSettled(first.map(startService));
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
  if (plan.services.has(ORCHESTRATOR)) await startService(ORCHESTRATOR);
}

/** From then on every agent of the stack can be chosen; before, a request might be answered by fewer than there are. */
async function untilAgentsAreKnown({ agentIds }: StackPlan, log: LogHub, since: string): Promise<void> {
  const known = agentIds.map((id) =>
    log.waitForLine(
      (line) =>
        line.event_type === 'capabilities.refreshed' &&
        line.extra?.['agent_id'] === id &&
        line.error === undefined &&
        line.timestamp >= since,
    ),
  );
  const outcomes = await Promise.allSettled(known);
  const missing = agentIds.filter((_, index) => outcomes[index]?.status === 'rejected');
  if (missing.length > 0) throw new StackError(`The orchestrator did not learn what these agents can do: ${missing.join(', ')}.`);
}
