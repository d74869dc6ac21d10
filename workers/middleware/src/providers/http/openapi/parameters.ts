import type { ConnectionAuth } from '@rubot/contracts/connections';
import { CannotOffer } from '../../connected/collect-tools.ts';
import { isReservedHeader } from '../../credential/present.ts';
import type { Parameter } from '../operation.ts';
import { isObject, type JsonObject, type OpenApiDocument, toArray } from './document.ts';

export interface ReadParameter {
  readonly parameter: Omit<Parameter, 'key'>;
  readonly isRequired: boolean;
  readonly schema: unknown;
  readonly description: string | undefined;
}

/** Those of the operation, and of its path where the operation does not say otherwise. @throws CannotOffer */
export function readParameters(
  document: OpenApiDocument,
  path: JsonObject,
  operation: JsonObject,
  auth: ConnectionAuth,
): readonly ReadParameter[] {
  const all = new Map<string, JsonObject>();
  for (const value of [...toArray(path['parameters']), ...toArray(operation['parameters'])]) {
    const parameter = document.resolve(value);
    all.set(`${String(parameter['in'])} ${String(parameter['name'])}`, parameter);
  }
  return [...all.values()].flatMap((parameter) => readParameter(parameter, auth));
}

function readParameter(source: JsonObject, auth: ConnectionAuth): readonly ReadParameter[] {
  const { name, in: place } = source;
  const isRequired = source['required'] === true || place === 'path';
  if (typeof name !== 'string' || name === '') throw new CannotOffer('one of its parameters has no name');
  if (place !== 'path' && place !== 'query' && place !== 'header')
    return leaveOut(isRequired, `its parameter ${name} stands in ${String(place)}`);
  // The connection itself says it: an API that asks for its key by a parameter is given it so.
  if (place === 'header' && isAuthHeader(name, auth)) return [];
  if (place === 'header' && isReservedHeader(name))
    return leaveOut(isRequired && !/^(?:accept|content-type|idempotency-key)$/i.test(name), `its header ${name} cannot be set`);
  const [schema, style] = readStyle(source, name, place);
  const description = typeof source['description'] === 'string' ? source['description'] : undefined;
  return [{ parameter: { name, in: place, ...style }, isRequired, schema, description }];
}

function isAuthHeader(name: string, auth: ConnectionAuth): boolean {
  const own = auth.type === 'header' ? auth.name : 'authorization';
  return name.toLowerCase() === own.toLowerCase();
}

/** What need not be sent is not; an operation that needs it is left out as a whole. */
function leaveOut(isRequired: boolean, reason: string): readonly ReadParameter[] {
  if (isRequired) throw new CannotOffer(reason);
  return [];
}

const STYLES: Readonly<Record<Parameter['in'], readonly string[]>> = {
  path: ['simple'],
  header: ['simple'],
  query: ['form', 'spaceDelimited', 'pipeDelimited', 'deepObject'],
};

function readStyle(source: JsonObject, name: string, place: Parameter['in']): readonly [unknown, Pick<Parameter, 'style' | 'explode'>] {
  const content = source['content'];
  if (isObject(content)) {
    const [type, media] = Object.entries(content)[0] ?? [];
    if (type === undefined || !isJsonType(type) || !isObject(media)) throw new CannotOffer(`its parameter ${name} is not JSON`);
    return [media['schema'] ?? {}, { style: 'json', explode: false }];
  }
  const [standard = 'simple'] = STYLES[place];
  const style = source['style'] ?? standard;
  if (!STYLES[place].includes(String(style))) throw new CannotOffer(`its parameter ${name} has the style ${String(style)}`);
  const explode = typeof source['explode'] === 'boolean' ? source['explode'] : style === 'form';
  return [source['schema'] ?? {}, { style: style as Parameter['style'], explode }];
}

export function isJsonType(contentType: string): boolean {
  return /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(contentType);
}
