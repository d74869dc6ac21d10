import { type EnvOf, parseEnv } from '@rubot/config/parse-env';
import { foreignSecret } from '@rubot/config/secret';
import { findPlainOrigins, origin, type RotatingSecret, toRotatingSecret, variable } from '@rubot/config/variable';
import { sharedVariables } from '@rubot/config/vars';
import type { LogSource } from '@rubot/logging';
import { z } from 'zod';

export const SERVICE = 'rubot-gateway';

export const gatewayVariables = {
  ENVIRONMENT: sharedVariables.ENVIRONMENT,
  DEPLOYMENT_HASH: sharedVariables.DEPLOYMENT_HASH,
  LOG_LEVEL: sharedVariables.LOG_LEVEL,
  GATEWAY_API_KEY: sharedVariables.GATEWAY_API_KEY,
  GATEWAY_API_KEY_PREVIOUS: sharedVariables.GATEWAY_API_KEY_PREVIOUS,
  GATEWAY_KEY_FOR_CLIENTS: variable(z.enum(['on', 'off']).default('on'), {
    description: 'Whether GATEWAY_API_KEY opens /v1 to the operator’s own chat source; off where every client has an API token.',
  }),
  ADMIN_API_KEY: sharedVariables.ADMIN_API_KEY,
  ADMIN_API_KEY_PREVIOUS: sharedVariables.ADMIN_API_KEY_PREVIOUS,
  MIDDLEWARE_API_KEY: sharedVariables.MIDDLEWARE_API_KEY,
  BEARER_SIGNING_SECRET: sharedVariables.BEARER_SIGNING_SECRET,
  BEARER_SIGNING_SECRET_PREVIOUS: sharedVariables.BEARER_SIGNING_SECRET_PREVIOUS,
  BEARER_TTL_SECONDS: sharedVariables.BEARER_TTL_SECONDS,
  ORCHESTRATOR_URL: origin('Where the gateway reaches the orchestrator.', 'https://orchestrator.example.com'),
  CF_ACCESS_CLIENT_ID: variable(z.string().min(1).optional(), {
    description: 'Cloudflare Access service token, where the orchestrator stands behind Access; goes with CF_ACCESS_CLIENT_SECRET.',
  }),
  CF_ACCESS_CLIENT_SECRET: foreignSecret('Secret of the Access service token.').optional(),
  LINK_URL: variable(z.url({ protocol: /^https?$/ }), {
    description: 'Page on which a person links a chat account to a tenant; an unlinked sender is shown it with ?sender=….',
    example: 'https://app.example.com/link',
  }),
  MAX_BODY_BYTES: sharedVariables.MAX_BODY_BYTES,
  REQUEST_TIMEOUT_MS: sharedVariables.REQUEST_TIMEOUT_MS,
  EVENTS_SILENCE_MS: variable(z.coerce.number().int().min(100).max(3_600_000).default(45_000), {
    description: 'Silence after which a stream of a run’s events counts as broken; three times the HEARTBEAT_MS of the orchestrator.',
  }),
} as const;

export interface GatewayConfig {
  readonly logSource: LogSource;
  readonly orchestratorUrl: string;
  readonly linkUrl: string;
  readonly bearerTtlSeconds: number;
  readonly maxBodyBytes: number;
  readonly requestTimeoutMs: number;
  readonly eventsSilenceMs: number;
  readonly gatewayKeyForClients: boolean;
  readonly secrets: GatewaySecrets;
}

/** Apart from the rest, so that the rest can be shown. */
export interface GatewaySecrets {
  readonly gatewayApiKey: RotatingSecret;
  readonly adminApiKey: RotatingSecret;
  readonly middlewareApiKey: string;
  readonly bearerSigningSecret: RotatingSecret;
  readonly accessHeaders: Readonly<Record<string, string>>;
}

/** @throws EnvironmentError naming every problem */
export function readGatewayConfig(source: Readonly<Record<string, unknown>>): GatewayConfig {
  const env = parseEnv({
    service: SERVICE,
    variables: gatewayVariables,
    source,
    crossCheck: findProblems,
  });
  return {
    logSource: { service: SERVICE, environment: env.ENVIRONMENT, deploymentHash: env.DEPLOYMENT_HASH, level: env.LOG_LEVEL },
    orchestratorUrl: env.ORCHESTRATOR_URL,
    linkUrl: env.LINK_URL,
    bearerTtlSeconds: env.BEARER_TTL_SECONDS,
    maxBodyBytes: env.MAX_BODY_BYTES,
    requestTimeoutMs: env.REQUEST_TIMEOUT_MS,
    eventsSilenceMs: env.EVENTS_SILENCE_MS,
    gatewayKeyForClients: env.GATEWAY_KEY_FOR_CLIENTS === 'on',
    secrets: {
      gatewayApiKey: toRotatingSecret(env.GATEWAY_API_KEY, env.GATEWAY_API_KEY_PREVIOUS),
      adminApiKey: toRotatingSecret(env.ADMIN_API_KEY, env.ADMIN_API_KEY_PREVIOUS),
      middlewareApiKey: env.MIDDLEWARE_API_KEY,
      bearerSigningSecret: toRotatingSecret(env.BEARER_SIGNING_SECRET, env.BEARER_SIGNING_SECRET_PREVIOUS),
      accessHeaders: toAccessHeaders(env.CF_ACCESS_CLIENT_ID, env.CF_ACCESS_CLIENT_SECRET),
    },
  };
}

function findProblems(env: EnvOf<typeof gatewayVariables>): readonly string[] {
  const problems = [...findPlainOrigins(env.ENVIRONMENT, { ORCHESTRATOR_URL: env.ORCHESTRATOR_URL })];
  if ((env.CF_ACCESS_CLIENT_ID === undefined) !== (env.CF_ACCESS_CLIENT_SECRET === undefined)) {
    problems.push('CF_ACCESS_CLIENT_ID and CF_ACCESS_CLIENT_SECRET must be set together or not at all');
  }
  if (env.BEARER_TTL_SECONDS * 1_000 < env.REQUEST_TIMEOUT_MS) {
    problems.push('BEARER_TTL_SECONDS must not be less than REQUEST_TIMEOUT_MS, or the last tool calls of a long answer are refused');
  }
  return problems;
}

function toAccessHeaders(clientId: string | undefined, clientSecret: string | undefined): Record<string, string> {
  if (clientId === undefined || clientSecret === undefined) return {};
  return { 'cf-access-client-id': clientId, 'cf-access-client-secret': clientSecret };
}
