import { createNodeFetch } from '@rubot/http/node/fetch';
import { createLogger, type Logger, type LogSink } from '@rubot/logging';
import { createPinoSink } from '@rubot/logging/pino-sink';
import { createModel, type Model } from '@rubot/models/create-model';
import type { AgentConfig } from './env.ts';
import { AGENT_EVENTS } from './events.ts';
import { createMiddlewareClient, type MiddlewareClient } from './tools/middleware-client.ts';

export interface AgentDeps {
  readonly config: AgentConfig;
  readonly logger: Logger<typeof AGENT_EVENTS>;
  readonly model: Model;
  readonly middleware: MiddlewareClient | undefined;
  /** True once the process has been asked to stop: readiness turns to 503. */
  isDraining(): boolean;
}

export interface BuiltDeps extends AgentDeps {
  drain(): void;
  close(): Promise<void>;
}

/** A host of a provider is far away; one of our own is not, yet both are found out within this time. */
const CONNECT_TIMEOUT_MS = 5_000;
const MAX_CONNECTIONS_PER_ORIGIN = 256;

export function buildDeps(config: AgentConfig, sink: LogSink = createPinoSink()): BuiltDeps {
  const logger = createLogger({ source: config.logSource, events: AGENT_EVENTS, sink });
  const network = createNodeFetch({ connectTimeoutMs: CONNECT_TIMEOUT_MS, maxConnectionsPerOrigin: MAX_CONNECTIONS_PER_ORIGIN });
  const model = createModel({ specifier: config.modelSpecifier, access: config.secrets.models, fetch: network.fetch });
  if (model.isDemo) logger.log('model.demo');
  let draining = false;
  return {
    config,
    logger,
    model,
    middleware:
      config.middlewareUrl === undefined ? undefined : createMiddlewareClient({ url: config.middlewareUrl, fetch: network.fetch }),
    isDraining: () => draining,
    drain() {
      draining = true;
    },
    close: () => network.close(),
  };
}
