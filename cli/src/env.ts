import { type EnvOf, parseEnv } from '@rubot/config/parse-env';
import { foreignSecret } from '@rubot/config/secret';
import { origin, variable } from '@rubot/config/variable';
import { sharedVariables } from '@rubot/config/vars';
import { AXIOM_DATASET_NAME } from '@rubot/traces/axiom';
import { z } from 'zod';

export const cliVariables = {
  RUBOT_GATEWAY_URL: origin('The gateway that is asked where no option names one.', 'https://gateway.example.com').optional(),
  GATEWAY_API_KEY: sharedVariables.GATEWAY_API_KEY.optional(),
  ADMIN_API_KEY: sharedVariables.ADMIN_API_KEY.optional(),
  RUBOT_ADMIN_TOKEN: foreignSecret(
    'API token with a scope of admin:, for who administers one tenant and is not the operator. ADMIN_API_KEY goes before it.',
  ).optional(),
  RUBOT_TOKEN_STORE: variable(z.string().min(1).optional(), {
    description: 'Folder in which issued tokens are kept, for their owner alone. Default: rubot/tokens in the configuration folder (XDG).',
    example: '/home/ops/.config/rubot/tokens',
  }),
  AXIOM_TOKEN: foreignSecret(
    'API token that may query the dataset; with it, traces are read from Axiom and not from the local log store.',
  ).optional(),
  AXIOM_DATASET: variable(z.string().regex(AXIOM_DATASET_NAME, 'must be letters, digits, "_", "-" or "."').optional(), {
    description: 'The Axiom dataset into which the services’ logs are drained.',
    example: 'rubot-production',
  }),
  AXIOM_URL: origin('Where Axiom’s API is.', 'https://api.axiom.co').default('https://api.axiom.co'),
} as const;

export interface CliConfig {
  readonly gatewayUrl: string | undefined;
  readonly axiom: { readonly origin: string; readonly token: string; readonly dataset: string } | undefined;
  readonly gatewayApiKey: string | undefined;
  readonly adminApiKey: string | undefined;
  readonly adminToken: string | undefined;
  readonly tokenStore: string | undefined;
}

/** @throws EnvironmentError naming every problem */
export function readCliConfig(source: Readonly<Record<string, unknown>>): CliConfig {
  const env = parseEnv({ service: 'rubot', variables: cliVariables, source, crossCheck: checkAxiom });
  const { AXIOM_TOKEN: token, AXIOM_DATASET: dataset, AXIOM_URL } = env;
  const axiom = token === undefined || dataset === undefined ? undefined : { origin: AXIOM_URL, token, dataset };
  return Object.freeze({
    gatewayUrl: env.RUBOT_GATEWAY_URL,
    axiom,
    gatewayApiKey: env.GATEWAY_API_KEY,
    adminApiKey: env.ADMIN_API_KEY,
    adminToken: env.RUBOT_ADMIN_TOKEN,
    tokenStore: env.RUBOT_TOKEN_STORE,
  });
}

function checkAxiom({ AXIOM_TOKEN, AXIOM_DATASET }: EnvOf<typeof cliVariables>): readonly string[] {
  if ((AXIOM_TOKEN === undefined) === (AXIOM_DATASET === undefined)) return [];
  return ['AXIOM_TOKEN and AXIOM_DATASET belong together; set both or neither'];
}
