import { parseEnv } from '@rubot/config/parse-env';
import { type RotatingSecret, toRotatingSecret } from '@rubot/config/variable';
import { sharedVariables } from '@rubot/config/vars';
import type { LogSource } from '@rubot/logging';

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
} as const;

export interface MiddlewareConfig {
  readonly logSource: LogSource;
  readonly maxBodyBytes: number;
  readonly secrets: MiddlewareSecrets;
}

/** Apart from the rest, so that the rest can be shown. */
export interface MiddlewareSecrets {
  readonly middlewareApiKey: RotatingSecret;
  readonly bearerSigningSecret: RotatingSecret;
  readonly encryptionSecret: RotatingSecret;
}

/** @throws EnvironmentError naming every problem */
export function readMiddlewareConfig(source: Readonly<Record<string, unknown>>): MiddlewareConfig {
  const env = parseEnv({ service: SERVICE, variables: middlewareVariables, source });
  return {
    logSource: { service: SERVICE, environment: env.ENVIRONMENT, deploymentHash: env.DEPLOYMENT_HASH, level: env.LOG_LEVEL },
    maxBodyBytes: env.MAX_BODY_BYTES,
    secrets: {
      middlewareApiKey: toRotatingSecret(env.MIDDLEWARE_API_KEY, env.MIDDLEWARE_API_KEY_PREVIOUS),
      bearerSigningSecret: toRotatingSecret(env.BEARER_SIGNING_SECRET, env.BEARER_SIGNING_SECRET_PREVIOUS),
      encryptionSecret: toRotatingSecret(env.ENCRYPTION_SECRET, env.ENCRYPTION_SECRET_PREVIOUS),
    },
  };
}
