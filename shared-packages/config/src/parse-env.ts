import { z } from 'zod';
import { findSecretProblems } from './secret.ts';
import type { Variables } from './variable.ts';

export type EnvOf<V extends Variables> = { readonly [Name in keyof V]: z.output<V[Name]> };

/** Every problem of an environment at once: names and rules, never values. */
export class EnvironmentError extends Error {
  readonly problems: readonly string[];

  constructor(service: string, problems: readonly string[]) {
    super(
      `${service} cannot start, its environment has ${problems.length} problem(s):\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
    );
    this.name = 'EnvironmentError';
    this.problems = problems;
  }
}

export interface ParseEnvOptions<V extends Variables> {
  readonly service: string;
  readonly variables: V;
  readonly source: Readonly<Record<string, unknown>>;
  /** Rules between variables; each returned text is one problem and names the variables. */
  readonly crossCheck?: (env: EnvOf<V>) => readonly string[];
}

/** @throws EnvironmentError naming every problem */
export function parseEnv<V extends Variables>({ service, variables, source, crossCheck }: ParseEnvOptions<V>): EnvOf<V> {
  const given = pick(source, Object.keys(variables));
  const result = z.object(variables as Record<string, z.ZodType>).safeParse(given);
  const ofSecrets = findSecretProblems(variables, source);
  if (!result.success) throw new EnvironmentError(service, [...result.error.issues.map((issue) => toProblem(issue, given)), ...ofSecrets]);
  const env = result.data as EnvOf<V>;
  const problems = [...ofSecrets, ...(crossCheck?.(env) ?? [])];
  if (problems.length > 0) throw new EnvironmentError(service, problems);
  return Object.freeze(env);
}

// `PORT=` in a file means "not set", while z.coerce.number() would read it as 0.
function pick(source: Readonly<Record<string, unknown>>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.filter((name) => source[name] !== undefined && source[name] !== '').map((name) => [name, source[name]]));
}

function toProblem(issue: z.core.$ZodIssue, given: Readonly<Record<string, unknown>>): string {
  const name = issue.path.map(String).join('.');
  if (given[name] === undefined) return `${name} is not set`;
  // Our own rules are sentences that follow a name; zod's begin anew.
  return /^[A-Z]/.test(issue.message) ? `${name} is wrong: ${issue.message}` : `${name} ${issue.message}`;
}
