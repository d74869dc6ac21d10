import { RubotError } from '@rubot/errors';
import { CannotOffer } from '../../connected/collect-tools.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** An OpenAPI document whose references can be followed; nothing outside of it is ever read. */
export interface OpenApiDocument {
  readonly isVersion30: boolean;
  readonly paths: JsonObject;
  /** @throws CannotOffer for a pointer out of the document, or at nothing */
  find(pointer: string): unknown;
  /** The object itself, or the one that its `$ref` leads to. @throws CannotOffer */
  resolve(value: unknown): JsonObject;
}

/** Longer chains of references lead in a circle, or are meant to cost time. */
const MAX_REFERENCES = 16;

/** @throws RubotError `invalid_request` for what is no OpenAPI 3.0 or 3.1 document */
export function openDocument(root: JsonObject): OpenApiDocument {
  const version = /^3\.([01])\.\d+$/.exec(String(root['openapi']))?.[1];
  if (version === undefined) throw wrong('openapi.openapi', 'The document must be OpenAPI 3.0 or 3.1, with "openapi": "3.0.x" or "3.1.x".');
  const { paths } = root;
  if (!isObject(paths)) throw wrong('openapi.paths', 'The document has no paths.');

  function find(pointer: string): unknown {
    if (!pointer.startsWith('#/')) throw new CannotOffer(`it refers to ${pointer.slice(0, 100)}, which is outside of the document`);
    const keys = pointer.slice(2).split('/').map(decodeKey);
    const found = keys.reduce<unknown>((value, key) => (hasKey(value, key) ? value[key] : undefined), root);
    if (found === undefined) throw new CannotOffer(`it refers to ${pointer.slice(0, 100)}, which is not in the document`);
    return found;
  }

  function resolve(value: unknown): JsonObject {
    let current = value;
    for (let count = 0; count <= MAX_REFERENCES; count += 1) {
      if (!isObject(current)) throw new CannotOffer('a part of its description is not an object');
      if (typeof current['$ref'] !== 'string') return current;
      current = find(current['$ref']);
    }
    throw new CannotOffer('its references lead in a circle');
  }

  return { isVersion30: version === '0', paths, find, resolve };
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function toArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Own ones alone: a pointer at `constructor` must lead nowhere. */
function hasKey(value: unknown, key: string): value is JsonObject {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key);
}

/** RFC 6901 §6 */
function decodeKey(key: string): string {
  try {
    return decodeURIComponent(key).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    throw new CannotOffer('one of its references is not valid');
  }
}

function wrong(param: string, message: string): RubotError {
  return new RubotError('invalid_request', message, { param });
}
