import type { ConnectionAuth } from '@rubot/contracts/connections';
import { CannotOffer, type Operation } from '../../connected/collect-tools.ts';
import type { HttpOperation, Parameter } from '../operation.ts';
import { isObject, type JsonObject, type OpenApiDocument, openDocument } from './document.ts';
import { isJsonType, readParameters } from './parameters.ts';
import { createSchemaWriter, type SchemaWriter } from './schema.ts';

/** What a method says of its effect: https://www.rfc-editor.org/rfc/rfc9110#section-9.2 */
const METHODS = {
  get: { effect: 'read', isIdempotent: true },
  head: { effect: 'read', isIdempotent: true },
  put: { effect: 'write', isIdempotent: true },
  delete: { effect: 'write', isIdempotent: true },
  post: { effect: 'write', isIdempotent: false },
  patch: { effect: 'write', isIdempotent: false },
} as const;

/** Every operation that an OpenAPI document describes. @throws RubotError `invalid_request` for what is no such document */
export function readOperations(openapi: JsonObject, auth: ConnectionAuth): readonly Operation[] {
  const document = openDocument(openapi);
  return Object.entries(document.paths).flatMap(([path, value]) => readPath(document, path, value, auth));
}

function readPath(document: OpenApiDocument, path: string, value: unknown, auth: ConnectionAuth): readonly Operation[] {
  if (!isObject(value)) return [];
  return Object.entries(METHODS).flatMap(([method, traits]) => {
    const operation = value[method];
    if (!isObject(operation)) return [];
    const name =
      typeof operation['operationId'] === 'string' && operation['operationId'] !== '' ? operation['operationId'] : `${method}${path}`;
    const source = { document, method, path, pathItem: value, operation, auth };
    return [{ name, ...traits, describe: () => describe(source) }];
  });
}

interface Source {
  readonly document: OpenApiDocument;
  readonly method: string;
  readonly path: string;
  readonly pathItem: JsonObject;
  readonly operation: JsonObject;
  readonly auth: ConnectionAuth;
}

/** The arguments of a tool, as they are collected. */
interface Arguments {
  readonly properties: Record<string, JsonObject>;
  readonly required: string[];
  readonly schemas: SchemaWriter;
}

function describe({ document, method, path, pathItem, operation, auth }: Source): ReturnType<Operation['describe']> {
  const input: Arguments = { properties: {}, required: [], schemas: createSchemaWriter(document) };
  const parameters = readParameters(document, pathItem, operation, auth).map(({ parameter, schema, isRequired, description }) => {
    const written = { ...input.schemas.write(schema), ...(description === undefined ? {} : { description: description.slice(0, 1_000) }) };
    return { key: addArgument(input, [parameter.name, `${parameter.in}_${parameter.name}`], written, isRequired), ...parameter };
  });
  assertPath(path, parameters);
  const body = readBody(document, operation, input);
  const definitions = input.schemas.definitions();
  return {
    description:
      [operation['summary'], operation['description']].filter((text) => typeof text === 'string' && text !== '').join('\n') ||
      `${method.toUpperCase()} ${path}`,
    input_schema: {
      type: 'object',
      properties: input.properties,
      ...(input.required.length === 0 ? {} : { required: input.required }),
      additionalProperties: false,
      ...(Object.keys(definitions).length === 0 ? {} : { $defs: definitions }),
    },
    request: { method: method.toUpperCase(), path, parameters, ...(body === undefined ? {} : { body }) } satisfies HttpOperation,
  };
}

/** Under the first of the names that is free, in the letters that arguments of any model may have. */
function addArgument(input: Arguments, names: readonly string[], schema: JsonObject, isRequired: boolean): string {
  const key = names
    .map((name) => name.replace(/[^A-Za-z0-9_.-]+/g, '_').slice(0, 64))
    .find((name) => name !== '' && !Object.hasOwn(input.properties, name));
  if (key === undefined) throw new CannotOffer(`two of its parameters are named ${names[0]}`);
  input.properties[key] = schema;
  if (isRequired) input.required.push(key);
  return key;
}

function readBody(document: OpenApiDocument, operation: JsonObject, input: Arguments): HttpOperation['body'] {
  if (operation['requestBody'] === undefined) return undefined;
  const requestBody = document.resolve(operation['requestBody']);
  const isRequired = requestBody['required'] === true;
  const content = isObject(requestBody['content']) ? requestBody['content'] : {};
  const [contentType, media] = Object.entries(content).find(([type]) => isJsonType(type) || type === '*/*') ?? [];
  if (contentType === undefined) {
    if (isRequired)
      throw new CannotOffer(`its body is ${Object.keys(content).slice(0, 3).join(', ') || 'of no type'}, and only JSON is sent`);
    return undefined;
  }
  const schema = isObject(media) ? input.schemas.write(media['schema'] ?? {}) : {};
  return {
    key: addArgument(input, ['body', 'request_body'], schema, isRequired),
    content_type: contentType === '*/*' ? 'application/json' : contentType,
  };
}

/** Literal text, and parameters that there are. */
const PATH = /^\/(?:[\w.~!$&'()*+,;=:@%/-]|\{[^{}/]+\})*$/;

function assertPath(path: string, parameters: readonly Parameter[]): void {
  const named = new Set(parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name));
  const isKnown = [...path.matchAll(/\{([^{}]+)\}/g)].every(([, name = '']) => named.has(name));
  const isPlain = PATH.test(path) && !path.split('/').some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment));
  if (!isKnown || !isPlain) throw new CannotOffer(`its path is not valid: ${path.slice(0, 100)}`);
}
