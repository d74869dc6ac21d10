import type { D1Database } from '@cloudflare/workers-types';
import { importBearerKeys } from '@rubot/bearer/keys';
import { verifyBearer } from '@rubot/bearer/verify';
import { EnvironmentError } from '@rubot/config/parse-env';
import type { BearerClaims } from '@rubot/contracts/bearer';
import { deriveMacKeys, type KeyRing } from '@rubot/keys/derive';
import { createLogger, type Logger } from '@rubot/logging';
import { writeToConsole } from '@rubot/logging/console-sink';
import { type MiddlewareConfig, type OutboundConfig, readMiddlewareConfig, SERVICE } from './env.ts';
import { MIDDLEWARE_EVENTS } from './events.ts';
import { createConnectionReader } from './providers/connected/provider.ts';
import { type CredentialVault, openVault } from './providers/credential/vault.ts';
import { createGuardedFetch, type GuardedFetch } from './providers/outbound/guarded-fetch.ts';
import type { PlainFetch } from './providers/outbound/plain-fetch.ts';
import { createResolver } from './providers/outbound/resolver.ts';
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
  /** The one way out to systems of others. */
  readonly outboundFetch: GuardedFetch;
  /** What credentials of those systems are kept in. */
  readonly vault: CredentialVault;
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
  const vault = await openVault(config.secrets.encryptionSecret);
  const outboundFetch = createOutboundFetch(config.outbound);
  return {
    config,
    logger: createLogger({ source: config.logSource, events: MIDDLEWARE_EVENTS, sink: writeToConsole }),
    store: createStore(bindings.DB),
    outboundFetch,
    vault,
    providers: createProviderRegistry({
      builtIn: [tablesProvider],
      readConnection: createConnectionReader({ fetch: outboundFetch, vault }),
    }),
    linkPinKeys: await deriveMacKeys(config.secrets.encryptionSecret, 'link-pins/v1'),
    startAuditing: await importAuditKeys(config.secrets.encryptionSecret),
    verifyBearer: (bearer) => verifyBearer({ keys, bearer, nowMs: Date.now() }),
  };
}

function createOutboundFetch({ resolverUrl, ...rules }: OutboundConfig): GuardedFetch {
  const fetchPlain: PlainFetch = (url, init) => fetch(url, init);
  return createGuardedFetch({ rules, fetch: fetchPlain, resolveName: createResolver({ url: resolverUrl, fetch: fetchPlain }) });
}
