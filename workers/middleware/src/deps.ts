import type { D1Database } from '@cloudflare/workers-types';
import { importBearerKeys } from '@rubot/bearer/keys';
import { verifyBearer } from '@rubot/bearer/verify';
import { EnvironmentError } from '@rubot/config/parse-env';
import type { BearerClaims } from '@rubot/contracts/bearer';
import { deriveMacKeys, type KeyRing } from '@rubot/keys/derive';
import { createLogger, type Logger } from '@rubot/logging';
import { writeToConsole } from '@rubot/logging/console-sink';
import { type MiddlewareConfig, readMiddlewareConfig, SERVICE } from './env.ts';
import { MIDDLEWARE_EVENTS } from './events.ts';
import { readUnknownConnection } from './providers/connected/unknown-connection.ts';
import { createProviderRegistry, type ProviderRegistry } from './providers/registry.ts';
import { tablesProvider } from './providers/tables/provider.ts';
import { type AuditContext, type Auditing, importAuditKeys } from './store/audit/auditing.ts';
import { createStore, type Store } from './store/store.ts';

/** What wrangler binds besides variables. */
export interface MiddlewareBindings extends Record<string, unknown> {
  readonly DB?: D1Database;
}

export interface MiddlewareDeps {
  readonly config: MiddlewareConfig;
  readonly logger: Logger<typeof MIDDLEWARE_EVENTS>;
  readonly store: Store;
  readonly providers: ProviderRegistry;
  /** What PINs are kept under. */
  readonly linkPinKeys: KeyRing;
  readonly startAuditing: (context: AuditContext) => Auditing;
  readonly verifyBearer: (bearer: string) => Promise<BearerClaims>;
}

/** @throws EnvironmentError naming every variable and binding that is wrong */
export async function buildDeps(bindings: MiddlewareBindings): Promise<MiddlewareDeps> {
  const config = readMiddlewareConfig(bindings);
  if (bindings.DB === undefined) throw new EnvironmentError(SERVICE, ['DB is not bound; add the d1_databases binding to wrangler.jsonc']);
  const keys = await importBearerKeys(config.secrets.bearerSigningSecret);
  return {
    config,
    logger: createLogger({ source: config.logSource, events: MIDDLEWARE_EVENTS, sink: writeToConsole }),
    store: createStore(bindings.DB),
    providers: createProviderRegistry({ builtIn: [tablesProvider], readConnection: readUnknownConnection }),
    linkPinKeys: await deriveMacKeys(config.secrets.encryptionSecret, 'link-pins/v1'),
    startAuditing: await importAuditKeys(config.secrets.encryptionSecret),
    verifyBearer: (bearer) => verifyBearer({ keys, bearer, nowMs: Date.now() }),
  };
}
