import { RubotError } from '@rubot/errors';
import { toOpenAiResponse } from '@rubot/errors/to-openai';
import { createLogger } from '@rubot/logging';
import { writeToConsole } from '@rubot/logging/console-sink';
import { COMMON_EVENTS } from '@rubot/logging/events';

/** What the runtime lends with each request: work that must not end with it. */
export interface WorkerContext {
  waitUntil(work: Promise<unknown>): void;
  passThroughOnException(): void;
  readonly props: unknown;
}

export interface WorkerApp {
  fetch(request: Request, env?: undefined, context?: WorkerContext): Response | Promise<Response>;
}

export interface WorkerEntryOptions<Env extends object> {
  readonly service: string;
  /** Reads the environment and wires the app; whatever it throws is a deployment that cannot serve. */
  readonly build: (env: Env) => Promise<WorkerApp>;
}

/**
 * The `fetch` of a Worker: builds the app once per environment object. Not once per isolate: isolates outlive
 * deployments that change only bindings. A Worker has no start that could fail, so one that is misconfigured
 * refuses every request instead, health checks included.
 */
export function createWorkerFetch<Env extends object>({
  service,
  build,
}: WorkerEntryOptions<Env>): (request: Request, env: Env, context?: WorkerContext) => Promise<Response> {
  const apps = new WeakMap<Env, Promise<WorkerApp>>();

  return async function fetchFromApp(request, env, context) {
    let app = apps.get(env);
    if (app === undefined) {
      app = build(env);
      apps.set(env, app);
    }
    try {
      return await (await app).fetch(request, undefined, context);
    } catch (cause) {
      const error = new RubotError('misconfigured', `${service} is not configured. Its log names each variable that is wrong.`, { cause });
      reportBootFailure(service, error);
      return toOpenAiResponse(error);
    }
  };
}

/** The logger of the app needs the configuration that is missing. */
function reportBootFailure(service: string, error: RubotError): void {
  const source = { service, environment: 'unknown', deploymentHash: 'unknown', level: 'info' } as const;
  createLogger({ source, events: COMMON_EVENTS, sink: writeToConsole }).log('service.failed', { error });
}
