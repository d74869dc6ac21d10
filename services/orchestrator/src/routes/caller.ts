import { HEADERS } from '@rubot/contracts/headers';
import { RunId, SenderId, SessionId, TenantId } from '@rubot/contracts/ids';
import { CallerLimits } from '@rubot/contracts/limits';
import { parseJson } from '@rubot/contracts/parse-json';
import { RubotError } from '@rubot/errors';
import type { z } from 'zod';
import type { Caller } from '../runs/run.ts';
import type { RunOwner } from '../runs/run-store.ts';

const BEARER_SHAPE = /^[\x21-\x7e]{1,4096}$/;

/** To be called behind the hop key alone: what stands in these headers is believed. @throws RubotError `invalid_request` */
export function readCaller(headers: Headers): Caller & { readonly dataBearer: string } {
  const dataBearer = headers.get(HEADERS.dataBearer);
  if (dataBearer === null || !BEARER_SHAPE.test(dataBearer))
    throw wrongHeader(HEADERS.dataBearer, 'must be the data bearer of the request');
  return { ...readOwner(headers), sessionId: readHeader(headers, HEADERS.sessionId, SessionId), dataBearer };
}

/** As above, for what a sender asks of its own runs. @throws RubotError `invalid_request` */
export function readOwner(headers: Headers): RunOwner {
  return { tenantId: readHeader(headers, HEADERS.tenantId, TenantId), senderId: readHeader(headers, HEADERS.senderId, SenderId) };
}

/** With which a fresh data bearer can be had for the run. @throws RubotError `invalid_request` */
export function readBearerGrant(headers: Headers): string | undefined {
  const grant = headers.get(HEADERS.bearerGrant);
  if (grant === null) return undefined;
  if (BEARER_SHAPE.test(grant)) return grant;
  throw wrongHeader(HEADERS.bearerGrant, 'must be the grant of the run');
}

/** The id that the gateway gave the run, to which the data bearer is bound. @throws RubotError `invalid_request` */
export function readRunId(headers: Headers): string | undefined {
  return headers.has(HEADERS.runId) ? readHeader(headers, HEADERS.runId, RunId) : undefined;
}

/** What the caller's tenant and token may use up. @throws RubotError `invalid_request`: limits that cannot be read are not taken for none */
export function readCallerLimits(headers: Headers): CallerLimits {
  const text = headers.get(HEADERS.limits);
  if (text === null) return {};
  const limits = CallerLimits.safeParse(parseJson(text));
  if (limits.success) return limits.data;
  throw wrongHeader(HEADERS.limits, 'must be the limits of the caller, as JSON');
}

function readHeader(headers: Headers, name: string, schema: z.ZodType<string>): string {
  const result = schema.safeParse(headers.get(name) ?? '');
  if (result.success) return result.data;
  throw wrongHeader(name, result.error.issues[0]?.message ?? 'is not valid');
}

function wrongHeader(name: string, rule: string): RubotError {
  return new RubotError('invalid_request', `The header ${name} ${rule}. The gateway sets it; call the gateway.`, { param: name });
}
