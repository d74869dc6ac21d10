import { importBearerKeys } from '@rubot/bearer/keys';
import { EnvironmentError } from '@rubot/config/parse-env';
import type { FetchLike } from '@rubot/http/upstream';
import { createLogger, type Logger } from '@rubot/logging';
import { writeToConsole } from '@rubot/logging/console-sink';
import { createTokenResolver, type TokenResolver } from './access/resolve-token.ts';
import { createShield, type RateLimitBinding, type Shield } from './access/shield.ts';
import { type ActionBearers, createActionBearers } from './bearers/action-bearers.ts';
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
  /** Cloudflare's rate limit (`ratelimits`), where floods are kept out at the edge. */
  readonly SHIELD?: RateLimitBinding;
}

export interface GatewayDeps {
  readonly config: GatewayConfig;
  readonly logger: Logger<typeof GATEWAY_EVENTS>;
  readonly sessions: SessionResolver;
  readonly tokens: TokenResolver;
  readonly middleware: MiddlewareClient;
  readonly orchestrator: OrchestratorClient;
  readonly bearers: RunBearers;
  readonly actionBearers: ActionBearers;
  readonly shield: Shield;
}

/** @throws EnvironmentError naming every variable and binding that is wrong */
export async function buildDeps(bindings: GatewayBindings): Promise<GatewayDeps> {
  const config = readGatewayConfig(bindings);
  const { MIDDLEWARE, ORCHESTRATOR_MTLS, SHIELD } = bindings;
  if (MIDDLEWARE === undefined) throw new EnvironmentError(SERVICE, ['MIDDLEWARE is not bound; add the service binding to wrangler.jsonc']);
  const keys = await importBearerKeys(config.secrets.bearerSigningSecret);
  const middleware = createMiddlewareClient({ fetch: toFetchLike(MIDDLEWARE), apiKey: config.secrets.middlewareApiKey });
  return {
    config,
    logger: createLogger({ source: config.logSource, events: GATEWAY_EVENTS, sink: writeToConsole }),
    middleware,
    sessions: createSessionResolver(middleware),
    tokens: createTokenResolver(middleware),
    orchestrator: createOrchestratorClient({
      fetch: ORCHESTRATOR_MTLS === undefined ? (url, init) => fetch(url, init) : toFetchLike(ORCHESTRATOR_MTLS),
      baseUrl: config.orchestratorUrl,
      apiKey: config.secrets.gatewayApiKey.current,
      accessHeaders: config.secrets.accessHeaders,
    }),
    bearers: createRunBearers({ keys, ttlSeconds: config.bearerTtlSeconds }),
    actionBearers: createActionBearers(keys),
    shield: createShield(SHIELD),
  };
}

/** Bindings must be called as methods. */
function toFetchLike(binding: FetchBinding): FetchLike {
  return (url, init) => binding.fetch(url, init);
}
