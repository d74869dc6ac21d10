import { importBearerKeys } from '@rubot/bearer/keys';
import { EnvironmentError } from '@rubot/config/parse-env';
import type { FetchLike } from '@rubot/http/upstream';
import { createLogger, type Logger } from '@rubot/logging';
import { writeToConsole } from '@rubot/logging/console-sink';
import { createRunBearers, type RunBearers } from './bearers/run-bearers.ts';
import { createMiddlewareClient, type MiddlewareClient } from './clients/middleware.ts';
import { createOrchestratorClient, type OrchestratorClient } from './clients/orchestrator.ts';
import { type GatewayConfig, readGatewayConfig, SERVICE } from './env.ts';
import { GATEWAY_EVENTS } from './events.ts';
import { createSessionResolver, type SessionResolver } from './sessions/resolve-session.ts';

/** Another Worker, or a network behind a client certificate: something that fetches in its own way. */
interface FetchBinding {
  readonly fetch: FetchLike;
}

/** What wrangler binds besides variables. */
export interface GatewayBindings extends Record<string, unknown> {
  readonly MIDDLEWARE?: FetchBinding;
  /** A client certificate for the orchestrator's network (`mtls_certificates`), where Access is not used. */
  readonly ORCHESTRATOR_MTLS?: FetchBinding;
}

export interface GatewayDeps {
  readonly config: GatewayConfig;
  readonly logger: Logger<typeof GATEWAY_EVENTS>;
  readonly sessions: SessionResolver;
  readonly middleware: MiddlewareClient;
  readonly orchestrator: OrchestratorClient;
  readonly bearers: RunBearers;
}

/** @throws EnvironmentError naming every variable and binding that is wrong */
export async function buildDeps(bindings: GatewayBindings): Promise<GatewayDeps> {
  const config = readGatewayConfig(bindings);
  const { MIDDLEWARE, ORCHESTRATOR_MTLS } = bindings;
  if (MIDDLEWARE === undefined) throw new EnvironmentError(SERVICE, ['MIDDLEWARE is not bound; add the service binding to wrangler.jsonc']);
  const keys = await importBearerKeys(config.secrets.bearerSigningSecret);
  const middleware = createMiddlewareClient({ fetch: toFetchLike(MIDDLEWARE), apiKey: config.secrets.middlewareApiKey });
  return {
    config,
    logger: createLogger({ source: config.logSource, events: GATEWAY_EVENTS, sink: writeToConsole }),
    middleware,
    sessions: createSessionResolver(middleware),
    orchestrator: createOrchestratorClient({
      fetch: ORCHESTRATOR_MTLS === undefined ? (url, init) => fetch(url, init) : toFetchLike(ORCHESTRATOR_MTLS),
      baseUrl: config.orchestratorUrl,
      apiKey: config.secrets.gatewayApiKey.current,
      accessHeaders: config.secrets.accessHeaders,
    }),
    bearers: createRunBearers({ keys, ttlSeconds: config.bearerTtlSeconds }),
  };
}

/** Bindings must be called as methods. */
function toFetchLike(binding: FetchBinding): FetchLike {
  return (url, init) => binding.fetch(url, init);
}
