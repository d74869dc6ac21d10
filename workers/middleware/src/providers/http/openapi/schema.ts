import { CannotOffer } from '../../connected/collect-tools.ts';
import { isObject, type JsonObject, type OpenApiDocument, toArray } from './document.ts';

/** Schemas as JSON schema: of OpenAPI's, what a model can use and what is checked here; the upstream checks all of it itself. */
export interface SchemaWriter {
  /** @throws CannotOffer */
  write(schema: unknown): JsonObject;
  /** What the schemas written so far refer to, under `$defs`. */
  definitions(): JsonObject;
}

/** Of one operation: more says nothing to a model that it can keep in mind. */
const MAX_SCHEMAS = 2_000;
const MAX_DEPTH = 100;
const MAX_TEXT_LENGTH = 1_000;
const TYPES: ReadonlySet<unknown> = new Set(['string', 'number', 'integer', 'boolean', 'array', 'object', 'null']);

/** Copied when they are of this type; `pattern` is not among them, as an expression can take for ever. */
const NUMBERS = ['minimum', 'maximum', 'multipleOf', 'minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties'];

/** Where a schema stands. */
interface Place {
  readonly depth: number;
  /** The definition that says of one and the same value what this schema says; `undefined` within a property or an item. */
  readonly owner: string | undefined;
}

type Write = (schema: unknown, isInPlace?: boolean) => JsonObject;

export function createSchemaWriter(document: OpenApiDocument): SchemaWriter {
  const definitions = new Map<string, JsonObject>();
  const names = new Map<string, string>();
  /** From each definition to those that it says the same value is to fit as well. */
  const inPlace = new Map<string, Set<string>>();
  let count = 0;

  /** Named before it is written: one that refers to itself then finds its name. */
  function refer(pointer: string, { depth, owner }: Place): JsonObject {
    const known = names.get(pointer);
    const name = known ?? toDefinitionName(pointer, names.size);
    if (owner !== undefined) inPlace.set(owner, (inPlace.get(owner) ?? new Set()).add(name));
    if (known === undefined) {
      names.set(pointer, name);
      definitions.set(name, writeAt(document.find(pointer), { depth, owner: name }));
    }
    return { $ref: `#/$defs/${name}` };
  }

  function writeAt(schema: unknown, place: Place): JsonObject {
    count += 1;
    if (count > MAX_SCHEMAS || place.depth > MAX_DEPTH)
      throw new CannotOffer(`its schema has more than ${MAX_SCHEMAS} parts or ${MAX_DEPTH} levels`);
    if (schema === true) return {};
    if (!isObject(schema)) throw new CannotOffer('a part of its schema is not an object');
    if (typeof schema['$ref'] === 'string') return refer(schema['$ref'], place);
    const write: Write = (inner, isInPlace = false) =>
      writeAt(inner, { depth: place.depth + 1, owner: isInPlace ? place.owner : undefined });
    return {
      ...writeType(schema, document.isVersion30),
      ...writeDescription(schema),
      ...pick(schema, ['default', 'const'], () => true),
      ...pick(schema, ['format'], (value) => typeof value === 'string' && value.length <= 64),
      ...pick(schema, NUMBERS, (value) => typeof value === 'number'),
      ...writeExclusiveBounds(schema),
      ...writeProperties(schema, write),
      ...writeItems(schema, write),
      ...writeAlternatives(schema, write),
    };
  }

  return {
    write: (schema) => writeAt(schema, { depth: 0, owner: undefined }),
    definitions() {
      if (hasCycle(inPlace)) throw new CannotOffer('its schema refers to itself and never comes to a value');
      return Object.fromEntries(definitions);
    },
  };
}

/** Whether checking a value could come back to where it was, with the same value. */
function hasCycle(edges: ReadonlyMap<string, ReadonlySet<string>>): boolean {
  const done = new Set<string>();
  const open = new Set<string>();
  function leadsBack(name: string): boolean {
    if (open.has(name)) return true;
    if (done.has(name)) return false;
    open.add(name);
    const isBack = [...(edges.get(name) ?? [])].some(leadsBack);
    open.delete(name);
    done.add(name);
    return isBack;
  }
  return [...edges.keys()].some(leadsBack);
}

function writeType(schema: JsonObject, isVersion30: boolean): JsonObject {
  const isNullable = isVersion30 && schema['nullable'] === true;
  const types = (Array.isArray(schema['type']) ? schema['type'] : [schema['type']]).filter((type) => type !== undefined);
  if (types.some((type) => !TYPES.has(type))) throw new CannotOffer(`its schema has the type ${String(types).slice(0, 50)}`);
  const all = isNullable && types.length > 0 && !types.includes('null') ? [...types, 'null'] : types;
  const values = Array.isArray(schema['enum']) ? [...schema['enum'], ...(isNullable && !schema['enum'].includes(null) ? [null] : [])] : [];
  return {
    ...(all.length === 0 ? {} : { type: all.length === 1 ? all[0] : all }),
    ...(values.length === 0 ? {} : { enum: values }),
  };
}

function writeDescription({ description, title, pattern }: JsonObject): JsonObject {
  const text = typeof description === 'string' ? description : typeof title === 'string' ? title : '';
  const form = typeof pattern === 'string' && pattern.length <= 200 ? ` Must match ${pattern}` : '';
  const whole = `${text.slice(0, MAX_TEXT_LENGTH)}${form}`.trim();
  return whole === '' ? {} : { description: whole };
}

/** In OpenAPI 3.0 they are marks on the bounds, as in JSON schema of long ago. */
function writeExclusiveBounds(schema: JsonObject): JsonObject {
  const bounds: Record<string, unknown> = {};
  for (const [exclusive, inclusive] of [
    ['exclusiveMinimum', 'minimum'],
    ['exclusiveMaximum', 'maximum'],
  ] as const) {
    const value = schema[exclusive] === true ? schema[inclusive] : schema[exclusive];
    if (typeof value === 'number') bounds[exclusive] = value;
  }
  return bounds;
}

function writeProperties(schema: JsonObject, write: Write): JsonObject {
  const { properties, required, additionalProperties } = schema;
  // What the upstream alone sets is not for a model to send.
  const writable = isObject(properties) ? Object.entries(properties).filter(([, property]) => !isReadOnly(property)) : [];
  const names = new Set(writable.map(([name]) => name));
  const isListed = isObject(properties);
  const needed = toArray(required).filter(
    (name) => typeof name === 'string' && (!isListed || names.has(name) || !Object.hasOwn(properties, name)),
  );
  return {
    ...(isListed ? { properties: Object.fromEntries(writable.map(([name, property]) => [name, write(property)])) } : {}),
    ...(needed.length === 0 ? {} : { required: needed }),
    ...(typeof additionalProperties === 'boolean' ? { additionalProperties } : {}),
    ...(isObject(additionalProperties) ? { additionalProperties: write(additionalProperties) } : {}),
  };
}

function isReadOnly(property: unknown): boolean {
  return isObject(property) && property['readOnly'] === true;
}

function writeItems({ items, prefixItems }: JsonObject, write: Write): JsonObject {
  return {
    ...(Array.isArray(prefixItems) ? { prefixItems: prefixItems.map((item) => write(item)) } : {}),
    ...(isObject(items) ? { items: write(items) } : {}),
  };
}

/** One of several is told as any of several: which of them it is, and that it is but one, the upstream decides. */
function writeAlternatives({ allOf, anyOf, oneOf }: JsonObject, write: Write): JsonObject {
  const any = toArray(anyOf ?? oneOf);
  return {
    ...(Array.isArray(allOf) && allOf.length > 0 ? { allOf: allOf.map((part) => write(part, true)) } : {}),
    ...(any.length === 0 ? {} : { anyOf: any.map((part) => write(part, true)) }),
  };
}

function pick(schema: JsonObject, keys: readonly string[], fits: (value: unknown) => boolean): JsonObject {
  return Object.fromEntries(keys.filter((key) => Object.hasOwn(schema, key) && fits(schema[key])).map((key) => [key, schema[key]]));
}

function toDefinitionName(pointer: string, index: number): string {
  const tail =
    pointer
      .split('/')
      .at(-1)
      ?.replace(/[^A-Za-z0-9_]+/g, '_')
      .slice(0, 48) ?? '';
  return `${tail === '' ? 'Schema' : tail}_${index}`;
}
