import { RubotError } from '@rubot/errors';
import type { z } from 'zod';

/**
 * @param name of the value itself, where it is not a body but one parameter
 * @throws RubotError `invalid_request` that names the first field that is wrong, as OpenAI does
 */
export function parseInput<Schema extends z.ZodType>(schema: Schema, value: unknown, name?: string): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = deepestIssue(result.error.issues);
  const param = toParam(name === undefined ? issue.path : [name, ...issue.path]);
  const where = param === '' ? 'the body' : `'${param}'`;
  throw new RubotError('invalid_request', `Invalid value for ${where}: ${issue.message}.`, param === '' ? {} : { param });
}

/** A union reports one issue for all of its branches; the branch that got furthest is the one the caller meant. */
function deepestIssue(issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssue {
  const [first] = issues;
  if (first === undefined) throw new TypeError('a failed parse has at least one issue');
  if (first.code !== 'invalid_union') return first;
  const branches = first.errors.map((branch) => branch.map((issue) => ({ ...issue, path: [...first.path, ...issue.path] })));
  const [deepest] = branches
    .filter((branch) => branch.length > 0)
    .sort((left, right) => (right[0]?.path.length ?? 0) - (left[0]?.path.length ?? 0));
  return deepest === undefined ? first : deepestIssue(deepest);
}

/** `['messages', 0, 'role']` as `messages[0].role`. */
function toParam(path: readonly PropertyKey[]): string {
  return path.reduce<string>((param, key) => {
    if (typeof key === 'number') return `${param}[${key}]`;
    return param === '' ? String(key) : `${param}.${String(key)}`;
  }, '');
}
