import { type EnvOf, parseEnv } from '@rubot/config/parse-env';
import { foreignSecret } from '@rubot/config/secret';
import { origin, variable } from '@rubot/config/variable';
import { sharedVariables } from '@rubot/config/vars';
import { AXIOM_DATASET_NAME } from '@rubot/traces/axiom';
import { z } from 'zod';

export const cliVariables = {
  GATEWAY_API_KEY: sharedVariables.GATEWAY_API_KEY.optional(),
  ADMIN_API_KEY: sharedVariables.ADMIN_API_KEY.optional(),
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
  readonly axiom: { readonly origin: string; readonly token: string; readonly dataset: string } | undefined;
  readonly gatewayApiKey: string | undefined;
  readonly adminApiKey: string | undefined;
}

/** @throws EnvironmentError naming every problem */
export function readCliConfig(source: Readonly<Record<string, unknown>>): CliConfig {
  const env = parseEnv({ service: 'rubot', variables: cliVariables, source, crossCheck: checkAxiom });
  const { AXIOM_TOKEN: token, AXIOM_DATASET: dataset, AXIOM_URL, GATEWAY_API_KEY, ADMIN_API_KEY } = env;
  const axiom = token === undefined || dataset === undefined ? undefined : { origin: AXIOM_URL, token, dataset };
  return Object.freeze({ axiom, gatewayApiKey: GATEWAY_API_KEY, adminApiKey: ADMIN_API_KEY });
}

function checkAxiom({ AXIOM_TOKEN, AXIOM_DATASET }: EnvOf<typeof cliVariables>): readonly string[] {
  if ((AXIOM_TOKEN === undefined) === (AXIOM_DATASET === undefined)) return [];
  return ['AXIOM_TOKEN and AXIOM_DATASET belong together; set both or neither'];
}
