import { modelVariables } from '@rubot/models/variables';

export interface ChosenModels {
  /** For the agents and the orchestrator. */
  readonly variables: Readonly<Record<string, string>>;
  /** For the person: who answers, and how to change that. */
  readonly notice: string;
}

const SPECIFIER = /^(?:MODEL_SPECIFIER|PLANNER_MODEL|AGENT_[A-Z0-9_]+_MODEL)$/;

/**
 * The models that an environment names. A key alone names none: whoever has one for something else is neither sent
 * a bill nor refused a first run.
 */
export function chooseModels(environment: Readonly<Record<string, string | undefined>>): ChosenModels {
  const entries = Object.entries(environment).flatMap(([name, value]) =>
    value !== undefined && value !== '' && (SPECIFIER.test(name) || name in modelVariables) ? [[name, value] as const] : [],
  );
  const specifiers = entries.filter(([name]) => SPECIFIER.test(name)).map(([name, value]) => `${name}=${value}`);
  if (specifiers.length > 0) return { variables: Object.fromEntries(entries), notice: `Models: ${specifiers.join(', ')}` };
  const keys = entries.map(([name]) => name).join(', ');
  const why = keys === '' ? 'No model is configured' : `${keys} is set, but no MODEL_SPECIFIER`;
  return {
    variables: {},
    notice: `${why}: the built-in demo model answers. For a real one: MODEL_SPECIFIER=openai/gpt-5-mini OPENAI_API_KEY=… npm start`,
  };
}
