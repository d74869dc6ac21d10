import { RubotError } from '@rubot/errors';
import type { Parameter } from './operation.ts';

/** How OpenAPI writes values into requests: https://spec.openapis.org/oas/v3.1.1#style-examples */

const DELIMITERS: Readonly<Record<string, string>> = { spaceDelimited: ' ', pipeDelimited: '|' };

export function toQueryPairs({ name, style, explode }: Parameter, value: unknown): readonly (readonly [string, string])[] {
  if (style === 'json') return [[name, JSON.stringify(value)]];
  if (Array.isArray(value)) {
    if (explode) return value.map((item) => [name, toText(item)]);
    return [[name, value.map(toText).join(DELIMITERS[style] ?? ',')]];
  }
  if (!isRecord(value)) return [[name, toText(value)]];
  const entries = Object.entries(value).map(([key, item]) => [key, toText(item)] as const);
  if (style === 'deepObject') return entries.map(([key, item]) => [`${name}[${key}]`, item]);
  return explode ? entries : [[name, entries.flat().join(',')]];
}

/** One segment, or a part of one. @throws RubotError `invalid_request` for what would be read as another path */
export function toPathSegment(parameter: Parameter, value: unknown): string {
  const text = toSimple(parameter, value);
  // Some servers decode first and look for `..` then.
  if (text === '' || text.split(/[/\\]/).some((segment) => segment === '.' || segment === '..')) {
    throw new RubotError(
      'invalid_request',
      `The argument ${parameter.key} must be a name or an id: not empty, and without "." or ".." as a part of a path.`,
      {
        param: parameter.key,
      },
    );
  }
  return encodeURIComponent(text.toWellFormed());
}

/** @throws RubotError `invalid_request` for what would end the header */
export function toHeaderValue(parameter: Parameter, value: unknown): string {
  const text = toSimple(parameter, value);
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  throw new RubotError('invalid_request', `The argument ${parameter.key} goes into a header and must be printable ASCII on one line.`, {
    param: parameter.key,
  });
}

function toSimple({ style, explode }: Parameter, value: unknown): string {
  if (style === 'json') return JSON.stringify(value);
  if (Array.isArray(value)) return value.map(toText).join(',');
  if (!isRecord(value)) return toText(value);
  return Object.entries(value)
    .map(([key, item]) => `${key}${explode ? '=' : ','}${toText(item)}`)
    .join(',');
}

function toText(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value).toWellFormed();
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
