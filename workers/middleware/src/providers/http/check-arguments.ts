import { type Schema, Validator } from '@cfworker/json-schema';
import { RubotError } from '@rubot/errors';

/** @throws RubotError `invalid_request` that names the first argument that is wrong */
export function checkArguments(schema: Readonly<Record<string, unknown>>, input: unknown): Readonly<Record<string, unknown>> {
  const { valid, errors } = new Validator(schema as Schema, '2020-12').validate(input);
  if (valid && isRecord(input)) return input;
  // Those before tell of the whole what the last one tells of the part.
  const last = errors.at(-1);
  const param = toParam(last?.instanceLocation ?? '#');
  const where = param === '' ? 'the arguments' : `'${param}'`;
  throw new RubotError(
    'invalid_request',
    `Invalid value for ${where}: ${last?.error ?? 'must be an object.'}`,
    param === '' ? {} : { param },
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `#/body/items/0` as `body.items[0]`. */
function toParam(location: string): string {
  const keys = location
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  return keys.reduce((param, key) => (/^\d+$/.test(key) ? `${param}[${key}]` : param === '' ? key : `${param}.${key}`), '');
}
