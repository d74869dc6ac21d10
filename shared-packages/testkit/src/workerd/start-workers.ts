import type { Readable } from 'node:stream';
import type { D1Database } from '@cloudflare/workers-types';
import { Log, LogLevel, Miniflare, type WorkerOptions } from 'miniflare';
import { applyMigrations } from './apply-migrations.ts';
import { bundleWorker } from './bundle-worker.ts';
import { type ClientFront, startClientFront } from './client-front.ts';
import { captureLines, type LogCapture } from './log-capture.ts';
import { readWranglerConfig, type WranglerConfig } from './wrangler-config.ts';

export interface WorkerToStart {
  /** Folder with `wrangler.jsonc`, with a closing slash. */
  readonly directory: URL;
  /** Where versions of one Worker run side by side, over one database; by default the name in its `wrangler.jsonc`. */
  readonly name?: string;
  readonly variables: Readonly<Record<string, string>>;
  /** Port on 127.0.0.1; any free one by default. */
  readonly port?: number;
  /** Limits, by binding name, that `wrangler.jsonc` binds in some environments alone. */
  readonly rateLimits?: Readonly<Record<string, RateLimit>>;
  /** Stands in, by binding name, for Workers that are bound but not started, and for what is bound in some environments alone. */
  readonly standIns?: Readonly<Record<string, (request: Request) => Promise<Response>>>;
}

export interface RateLimit {
  readonly limit: number;
  readonly periodSeconds: 10 | 60;
}

export interface StartWorkersOptions extends LogCapture {
  readonly workers: readonly WorkerToStart[];
  /** Where D1 keeps its data between runs; in memory by default. */
  readonly persistDirectory?: string;
}

export interface RunningWorkers {
  /** @param name of the Worker in its `wrangler.jsonc`, unless it was started under another */
  urlOf(name: string): string;
  databaseOf(name: string, binding: string): Promise<D1Database>;
  stop(): Promise<void>;
}

interface PreparedWorker {
  readonly name: string;
  readonly config: WranglerConfig;
  readonly toStart: WorkerToStart;
  readonly options: WorkerOptions;
}

/** Starts Workers in workerd as their `wrangler.jsonc` says, bound to each other, each with its migrations and on a port of its own. */
export async function startWorkers({ workers, persistDirectory, onLine, onNoise }: StartWorkersOptions): Promise<RunningWorkers> {
  const prepared = await Promise.all(workers.map(prepareWorker));
  const miniflare = new Miniflare({
    host: '127.0.0.1',
    port: 0,
    cf: false,
    telemetry: { enabled: false },
    log: new Log(LogLevel.NONE),
    ...(persistDirectory === undefined ? {} : { d1Persist: persistDirectory }),
    handleRuntimeStdio(stdout: Readable, stderr: Readable) {
      captureLines(stdout, { onLine, onNoise });
      captureLines(stderr, { onLine: onNoise, onNoise });
    },
    workers: prepared.map(({ options }) => options),
  });
  const fronts = new Map<string, ClientFront>();

  async function stop(): Promise<void> {
    await Promise.all([...fronts.values()].map((front) => front.close()));
    await miniflare.dispose();
  }

  async function databaseOf(name: string, binding: string): Promise<D1Database> {
    return (await miniflare.getD1Database(binding, name)) as unknown as D1Database;
  }

  try {
    await miniflare.ready;
    for (const { name, config, toStart } of prepared) {
      const direct = await miniflare.unsafeGetDirectURL(name);
      fronts.set(name, await startClientFront({ listenPort: toStart.port ?? 0, workerPort: Number(direct.port) }));
      for (const { binding, migrations_dir } of config.d1_databases) {
        await applyMigrations(await databaseOf(name, binding), new URL(`${migrations_dir}/`, toStart.directory));
      }
    }
  } catch (error) {
    await stop();
    throw error;
  }

  return {
    urlOf(name) {
      const front = fronts.get(name);
      if (front === undefined) throw new Error(`no worker named ${name} was started`);
      return `http://127.0.0.1:${front.port}`;
    },
    databaseOf,
    stop,
  };
}

async function prepareWorker(toStart: WorkerToStart): Promise<PreparedWorker> {
  const config = await readWranglerConfig(toStart.directory);
  const name = toStart.name ?? config.name;
  const bound = config.services.map(({ binding, service }) => [binding, service]);
  const options = {
    name,
    modules: true,
    script: await bundleWorker(new URL(config.main, toStart.directory)),
    compatibilityDate: config.compatibility_date,
    compatibilityFlags: config.compatibility_flags,
    bindings: { ...toStart.variables },
    serviceBindings: { ...Object.fromEntries(bound), ...toStart.standIns },
    d1Databases: Object.fromEntries(config.d1_databases.map(({ binding, database_name }) => [binding, database_name])),
    ratelimits: Object.fromEntries(Object.entries(toStart.rateLimits ?? {}).map(toRateLimitOptions)),
    unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
  } satisfies WorkerOptions;
  return { name, config, toStart, options };
}

function toRateLimitOptions([binding, { limit, periodSeconds }]: [string, RateLimit], index: number) {
  return [binding, { namespace_id: String(index + 1), simple: { limit, period: periodSeconds } }] as const;
}
