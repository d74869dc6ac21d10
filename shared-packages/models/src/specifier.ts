import { RubotError } from '@rubot/errors';

export const MODEL_PROVIDERS = ['openai', 'anthropic', 'demo'] as const;
export type ModelProvider = (typeof MODEL_PROVIDERS)[number];

/** The built-in model: what answers when nobody has named another. */
export const DEMO_MODEL = 'demo/scripted';

export interface ModelSpecifier {
  readonly provider: ModelProvider;
  /** Everything behind the first slash, as ids of models hold slashes themselves. */
  readonly modelId: string;
}

/** @throws RubotError `misconfigured` for a provider that rubot does not know */
export function parseModelSpecifier(specifier: string): ModelSpecifier {
  const parsed = readModelSpecifier(specifier);
  if (parsed === undefined)
    throw new RubotError('misconfigured', 'The model of this service is not set up. Tell the operator.', { operatorDetail: UNKNOWN_MODEL });
  return parsed;
}

export const UNKNOWN_MODEL = `names no model that rubot can call; use openai/<model>, anthropic/<model> or ${DEMO_MODEL}`;

export function readModelSpecifier(specifier: string): ModelSpecifier | undefined {
  const slash = specifier.indexOf('/');
  const provider = MODEL_PROVIDERS.find((known) => known === specifier.slice(0, slash));
  const modelId = specifier.slice(slash + 1);
  if (provider === undefined || modelId === '') return undefined;
  if (provider === 'demo' && specifier !== DEMO_MODEL) return undefined;
  return { provider, modelId };
}
