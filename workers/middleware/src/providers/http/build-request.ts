import { RubotError } from '@rubot/errors';
import type { OutboundRequest } from '../outbound/redirect.ts';
import type { HttpOperation, Parameter } from './operation.ts';
import { toHeaderValue, toPathSegment, toQueryPairs } from './serialise.ts';

/**
 * The request that an operation and its arguments, which have been checked, come to. Whatever the arguments say, it goes to the origin
 * and below the path of the connection.
 *
 * @throws RubotError `invalid_request`
 */
export function buildRequest(baseUrl: string, operation: HttpOperation, input: Readonly<Record<string, unknown>>): OutboundRequest {
  const given = operation.parameters.filter(({ key }) => input[key] !== undefined && input[key] !== null);
  const headers = new Headers({ accept: 'application/json, text/*;q=0.5' });
  for (const parameter of given) if (parameter.in === 'header') headers.set(parameter.name, toHeaderValue(parameter, input[parameter.key]));
  const url = buildUrl(baseUrl, fillPath(operation, input));
  for (const parameter of given) {
    if (parameter.in === 'query')
      for (const [name, value] of toQueryPairs(parameter, input[parameter.key])) url.searchParams.append(name, value);
  }
  const { body } = operation;
  if (body === undefined || input[body.key] === undefined) return { url: url.href, method: operation.method, headers };
  headers.set('content-type', body.content_type);
  return { url: url.href, method: operation.method, headers, body: JSON.stringify(input[body.key]) };
}

function fillPath({ path, parameters }: HttpOperation, input: Readonly<Record<string, unknown>>): string {
  const byName = new Map<string, Parameter>(
    parameters.filter((parameter) => parameter.in === 'path').map((parameter) => [parameter.name, parameter]),
  );
  return path.replace(/\{([^{}]+)\}/g, (_whole, name: string) => {
    const parameter = byName.get(name);
    if (parameter === undefined) throw new RubotError('misconfigured', 'What is kept of this tool is not whole. Save its connection anew.');
    return toPathSegment(parameter, input[parameter.key]);
  });
}

/** The URL standard takes `.` and `..` out of paths, in every spelling: what has become of the path is looked at afterwards. */
function buildUrl(baseUrl: string, path: string): URL {
  const base = new URL(baseUrl);
  const basePath = base.pathname.replace(/\/+$/, '');
  const url = new URL(base.origin + basePath + path);
  if (url.origin === base.origin && url.pathname.startsWith(`${basePath}/`)) return url;
  throw new RubotError('invalid_request', 'The arguments lead out of the path of the connection. Send names and ids without "..".');
}
