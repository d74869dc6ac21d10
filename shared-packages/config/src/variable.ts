import { z } from 'zod';

/** What the generated documentation says of a variable beside its type. */
export interface VariableMeta {
  readonly description: string;
  readonly secret?: boolean;
  /** What of the value is the secret, where it is not the whole. */
  readonly secretPart?: 'password';
  /** Shown in `.env.example`; never a usable secret. */
  readonly example?: string;
}

/** A set of variables: the keys are their names in the environment. */
export type Variables = Readonly<Record<string, z.ZodType>>;

export function variable<Schema extends z.ZodType>(schema: Schema, meta: VariableMeta): Schema {
  return schema.meta({ ...meta }) as Schema;
}

/** The documentation of a variable, also where `.optional()` or `.default()` was put around it. */
export function metaOf(schema: z.ZodType): z.GlobalMeta | undefined {
  const own = schema.meta();
  if (own !== undefined) return own;
  const wrapped = schema instanceof z.ZodOptional || schema instanceof z.ZodDefault ? schema.unwrap() : undefined;
  return wrapped === undefined ? undefined : metaOf(wrapped as z.ZodType);
}

/** `KEY` and `KEY_PREVIOUS`: what lets a secret be rotated with no request refused. */
export interface RotatingSecret {
  readonly current: string;
  readonly previous: string | undefined;
}

export function toRotatingSecret(current: string, previous: string | undefined): RotatingSecret {
  return { current, previous };
}

/** An `http(s)://host[:port]` without path, query or credentials: what one service needs to know of another. */
export function origin(description: string, example: string): z.ZodType<string> {
  return variable(z.string().transform(toOrigin), { description, example });
}

export function toOrigin(value: string, context: z.RefinementCtx): string {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const plain = url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
  if (plain && (url.pathname === '/' || url.pathname === '') && url.search === '' && url.hash === '') return url.origin;
  context.addIssue({
    code: 'custom',
    message: 'must be http:// or https:// with a host and, if need be, a port; no path, query or credentials',
  });
  return z.NEVER;
}

/** A rule for `crossCheck`: outside of development, keys and bearers do not travel in clear. The names are those of public origins. */
export function findPlainOrigins(environment: string, origins: Readonly<Record<string, string | undefined>>): readonly string[] {
  if (environment === 'development') return [];
  return Object.entries(origins)
    .filter(([, value]) => value?.startsWith('http://'))
    .map(([name]) => `${name} must be https:// where ENVIRONMENT is ${environment}`);
}
