import { type EnvOf, parseEnv } from '@rubot/config/parse-env';
import { findPlainOrigins, type RotatingSecret, toRotatingSecret, variable } from '@rubot/config/variable';
import { sharedVariables } from '@rubot/config/vars';
import type { LogSource } from '@rubot/logging';
import { z } from 'zod';
import { HostList } from './providers/outbound/host-list.ts';
import type { TargetRules } from './providers/outbound/target.ts';

export const SERVICE = 'rubot-middleware';

export const middlewareVariables = {
  ENVIRONMENT: sharedVariables.ENVIRONMENT,
  DEPLOYMENT_HASH: sharedVariables.DEPLOYMENT_HASH,
  LOG_LEVEL: sharedVariables.LOG_LEVEL,
  MIDDLEWARE_API_KEY: sharedVariables.MIDDLEWARE_API_KEY,
  MIDDLEWARE_API_KEY_PREVIOUS: sharedVariables.MIDDLEWARE_API_KEY_PREVIOUS,
  BEARER_SIGNING_SECRET: sharedVariables.BEARER_SIGNING_SECRET,
  BEARER_SIGNING_SECRET_PREVIOUS: sharedVariables.BEARER_SIGNING_SECRET_PREVIOUS,
  ENCRYPTION_SECRET: sharedVariables.ENCRYPTION_SECRET,
  ENCRYPTION_SECRET_PREVIOUS: sharedVariables.ENCRYPTION_SECRET_PREVIOUS,
  MAX_BODY_BYTES: sharedVariables.MAX_BODY_BYTES,
  OUTBOUND_HOSTS: variable(HostList.optional(), {
    description: 'Hosts that connections of tenants may reach, such as `api.example.com,*.example.org,example.net:8443`; empty: none.',
    example: 'api.example.com,*.example.org',
  }),
  OUTBOUND_RESOLVER_URL: variable(z.url({ protocol: /^https?$/ }).default('https://cloudflare-dns.com/dns-query'), {
    description: 'DNS-over-HTTPS resolver with JSON answers, asked before each request of a connection.',
  }),
  OUTBOUND_PRIVATE_HOSTS: variable(HostList.optional(), {
    description: 'Hosts with ports, in development alone, that connections reach without https and wherever they lie.',
    example: '127.0.0.1:9000',
  }),
} as const;

export interface MiddlewareConfig {
  readonly logSource: LogSource;
  readonly maxBodyBytes: number;
  readonly outbound: OutboundConfig;
  readonly secrets: MiddlewareSecrets;
}

/** Where requests to systems of others may go. */
export interface OutboundConfig extends TargetRules {
  readonly resolverUrl: string;
}

/** Apart from the rest, so that the rest can be shown. */
export interface MiddlewareSecrets {
  readonly middlewareApiKey: RotatingSecret;
  readonly bearerSigningSecret: RotatingSecret;
  readonly encryptionSecret: RotatingSecret;
}

/** @throws EnvironmentError naming every problem */
export function readMiddlewareConfig(source: Readonly<Record<string, unknown>>): MiddlewareConfig {
  const env = parseEnv({ service: SERVICE, variables: middlewareVariables, source, crossCheck: checkOutbound });
  return {
    logSource: { service: SERVICE, environment: env.ENVIRONMENT, deploymentHash: env.DEPLOYMENT_HASH, level: env.LOG_LEVEL },
    maxBodyBytes: env.MAX_BODY_BYTES,
    outbound: { hosts: env.OUTBOUND_HOSTS ?? [], privateHosts: env.OUTBOUND_PRIVATE_HOSTS ?? [], resolverUrl: env.OUTBOUND_RESOLVER_URL },
    secrets: {
      middlewareApiKey: toRotatingSecret(env.MIDDLEWARE_API_KEY, env.MIDDLEWARE_API_KEY_PREVIOUS),
      bearerSigningSecret: toRotatingSecret(env.BEARER_SIGNING_SECRET, env.BEARER_SIGNING_SECRET_PREVIOUS),
      encryptionSecret: toRotatingSecret(env.ENCRYPTION_SECRET, env.ENCRYPTION_SECRET_PREVIOUS),
    },
  };
}

/** What would open our own network, or let it be said by anyone on the way what lies outside of it. */
function checkOutbound(env: EnvOf<typeof middlewareVariables>): readonly string[] {
  const { ENVIRONMENT, OUTBOUND_PRIVATE_HOSTS = [], OUTBOUND_RESOLVER_URL } = env;
  if (ENVIRONMENT === 'development') return [];
  const noPrivateHosts = `OUTBOUND_PRIVATE_HOSTS must be empty where ENVIRONMENT is ${ENVIRONMENT}`;
  return [...(OUTBOUND_PRIVATE_HOSTS.length > 0 ? [noPrivateHosts] : []), ...findPlainOrigins(ENVIRONMENT, { OUTBOUND_RESOLVER_URL })];
}
