import { BEARER_DEFAULT_TTL_SECONDS, BEARER_MAX_TTL_SECONDS, BEARER_MIN_TTL_SECONDS } from '@rubot/contracts/bearer';
import { z } from 'zod';
import { foreignSecret, secret } from './secret.ts';
import { origin, variable } from './variable.ts';

/** Variables that several services read: defined once, so that one name means one thing everywhere. */
export const sharedVariables = {
  ENVIRONMENT: variable(z.enum(['development', 'staging', 'production']).default('development'), {
    description: 'Which deployment this is; stands on every log line.',
  }),
  DEPLOYMENT_HASH: variable(z.string().max(64).default('local'), {
    description: 'The commit or version that runs; stands on every log line.',
    example: '3f2a9c1',
  }),
  LOG_LEVEL: variable(z.enum(['debug', 'info', 'warn', 'error']).default('info'), {
    description: 'Lines below this level are not written.',
  }),
  PORT: variable(z.coerce.number().int().min(1).max(65_535).default(8_080), { description: 'TCP port to listen on.' }),
  HOST: variable(z.string().default('::'), {
    description: 'Address to listen on; the default takes IPv6 and IPv4, as private networks of container hosts are often IPv6.',
  }),
  GATEWAY_API_KEY: secret('Hop key gateway → orchestrator, and the client key of the operator’s own chat source. Same value in both.'),
  ADMIN_API_KEY: secret('Opens /admin at the gateway.'),
  ADMIN_API_KEY_PREVIOUS: secret('The former ADMIN_API_KEY, accepted while it is rotated.').optional(),
  ENCRYPTION_SECRET: secret('Seals what the middleware keeps of others: credentials of providers, PINs, the heads of audit chains.'),
  ENCRYPTION_SECRET_PREVIOUS: secret(
    'The former ENCRYPTION_SECRET, with which what it sealed is still read; it goes after: rubot credentials reencrypt.',
  ).optional(),
  GATEWAY_API_KEY_PREVIOUS: secret('The former GATEWAY_API_KEY, accepted while it is rotated.').optional(),
  ORCHESTRATOR_API_KEY: secret('Hop key orchestrator → agents. Same value in the orchestrator and in every agent.'),
  ORCHESTRATOR_API_KEY_PREVIOUS: secret('The former ORCHESTRATOR_API_KEY, accepted while it is rotated.').optional(),
  MIDDLEWARE_API_KEY: secret('Hop key gateway → middleware. Same value in both.'),
  MIDDLEWARE_API_KEY_PREVIOUS: secret('The former MIDDLEWARE_API_KEY, accepted while it is rotated.').optional(),
  BEARER_SIGNING_SECRET: secret(
    'Signs and verifies data bearers. Same value in gateway and middleware, or every tool call fails with 401.',
  ),
  BEARER_SIGNING_SECRET_PREVIOUS: secret('The former BEARER_SIGNING_SECRET, still verified while it is rotated.').optional(),
  BEARER_TTL_SECONDS: variable(
    z.coerce.number().int().min(BEARER_MIN_TTL_SECONDS).max(BEARER_MAX_TTL_SECONDS).default(BEARER_DEFAULT_TTL_SECONDS),
    {
      description: 'Life of a data bearer.',
    },
  ),
  MAX_BODY_BYTES: variable(z.coerce.number().int().min(1_024).max(33_554_432).default(1_048_576), {
    description: 'Largest request body that is read; a larger one is refused with 413.',
  }),
  REQUEST_TIMEOUT_MS: variable(z.coerce.number().int().min(1_000).max(900_000).default(120_000), {
    description: 'Deadline of one completion over the whole chain.',
  }),
  DRAIN_TIMEOUT_MS: variable(z.coerce.number().int().min(0).max(3_600_000).default(30_000), {
    description: 'How long answers may go on after SIGTERM.',
  }),
  MIDDLEWARE_URL: origin('Where agents reach the middleware.', 'https://rubot-middleware.example.workers.dev'),
  MODEL_SPECIFIER: variable(
    z
      .string()
      .regex(/^[a-z0-9-]+\/.+$/, 'must be provider/model, such as openai/gpt-5-mini')
      .optional(),
    {
      description: 'The model as provider/model. Unset, and with no provider key set, the built-in demo/scripted model answers.',
      example: 'anthropic/claude-sonnet-4-5',
    },
  ),
  OPENAI_API_KEY: foreignSecret('Key for openai/… models. Unset where OPENAI_BASE_URL is a server that asks for none.').optional(),
  OPENAI_BASE_URL: variable(z.url().optional(), {
    description: 'Base URL for openai/… models, for any server that speaks OpenAI’s API.',
    example: 'https://api.openai.com/v1',
  }),
  ANTHROPIC_API_KEY: foreignSecret('Key for anthropic/… models.').optional(),
  ANTHROPIC_BASE_URL: variable(z.url().optional(), {
    description: 'Base URL for anthropic/… models.',
    example: 'https://api.anthropic.com/v1',
  }),
} as const;
