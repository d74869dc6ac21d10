import type { EnvOf } from '@rubot/config/parse-env';
import { sharedVariables } from '@rubot/config/vars';
import { DEMO_MODEL, readModelSpecifier, UNKNOWN_MODEL } from './specifier.ts';

/** What a service that calls a model reads from its environment. */
export const modelVariables = {
  MODEL_SPECIFIER: sharedVariables.MODEL_SPECIFIER,
  OPENAI_API_KEY: sharedVariables.OPENAI_API_KEY,
  OPENAI_BASE_URL: sharedVariables.OPENAI_BASE_URL,
  ANTHROPIC_API_KEY: sharedVariables.ANTHROPIC_API_KEY,
  ANTHROPIC_BASE_URL: sharedVariables.ANTHROPIC_BASE_URL,
} as const;

export type ModelEnv = EnvOf<typeof modelVariables>;

/** A variable of the service's own that outranks MODEL_SPECIFIER, such as AGENT_TABLES_MODEL. */
export interface ModelOverride {
  readonly variable: string;
  readonly specifier: string | undefined;
}

/** What a key opens and where; the keys of all providers, as specifiers may differ between services. */
export interface ModelAccess {
  readonly openai: { readonly apiKey: string | undefined; readonly baseUrl: string | undefined };
  readonly anthropic: { readonly apiKey: string | undefined; readonly baseUrl: string | undefined };
}

export function toModelAccess(env: ModelEnv): ModelAccess {
  return {
    openai: { apiKey: env.OPENAI_API_KEY, baseUrl: env.OPENAI_BASE_URL },
    anthropic: { apiKey: env.ANTHROPIC_API_KEY, baseUrl: env.ANTHROPIC_BASE_URL },
  };
}

/** The model that an environment names; the demo model when it names none. */
export function chooseModel(env: ModelEnv, override?: ModelOverride): string {
  return override?.specifier ?? env.MODEL_SPECIFIER ?? DEMO_MODEL;
}

/** For `crossCheck` of `parseEnv`: what would make the chosen model fail at its first call. */
export function findModelProblems(env: ModelEnv, override?: ModelOverride): readonly string[] {
  if (override?.specifier !== undefined) return problemsOf(env, override.variable, override.specifier);
  if (env.MODEL_SPECIFIER !== undefined) return problemsOf(env, 'MODEL_SPECIFIER', env.MODEL_SPECIFIER);
  const named = (['OPENAI_API_KEY', 'OPENAI_BASE_URL', 'ANTHROPIC_API_KEY'] as const).find((name) => env[name] !== undefined);
  // The demo model would answer in place of the one that somebody set up.
  return named === undefined ? [] : [`MODEL_SPECIFIER is not set although ${named} is; name the model, such as openai/gpt-5-mini`];
}

function problemsOf(env: ModelEnv, variable: string, specifier: string): readonly string[] {
  const parsed = readModelSpecifier(specifier);
  if (parsed === undefined) return [`${variable} ${UNKNOWN_MODEL}`];
  // A base URL of one's own may be a server that asks for no key.
  if (parsed.provider === 'openai' && env.OPENAI_API_KEY === undefined && env.OPENAI_BASE_URL === undefined) {
    return [`OPENAI_API_KEY is not set although ${variable} names an openai model`];
  }
  if (parsed.provider === 'anthropic' && env.ANTHROPIC_API_KEY === undefined) {
    return [`ANTHROPIC_API_KEY is not set although ${variable} names an anthropic model`];
  }
  return [];
}
