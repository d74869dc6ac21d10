import { HEADERS } from '@rubot/contracts/headers';
import { RunId, SenderId, SessionId, SliceId, TenantId } from '@rubot/contracts/ids';
import { RubotError } from '@rubot/errors';
import type { LogContext } from '@rubot/logging';
import { z } from 'zod';

/** For whom and within which run an agent is asked; what is absent was not told. */
export interface Caller {
  readonly tenantId: string | undefined;
  readonly sessionId: string | undefined;
  readonly senderId: string | undefined;
  readonly dataBearer: string | undefined;
  readonly runId: string | undefined;
  readonly sliceId: string | undefined;
  /** Whether finished steps shall be told as events of the stream. */
  readonly wantsSteps: boolean;
}

const Bearer = z.string().regex(/^[\x21-\x7e]{1,4096}$/, 'must be the data bearer of the request');

/** To be called behind the hop key alone: what stands in these headers is believed. @throws RubotError `invalid_request` */
export function readCaller(headers: Headers): Caller {
  return {
    tenantId: readHeader(headers, HEADERS.tenantId, TenantId),
    sessionId: readHeader(headers, HEADERS.sessionId, SessionId),
    senderId: readHeader(headers, HEADERS.senderId, SenderId),
    dataBearer: readHeader(headers, HEADERS.dataBearer, Bearer),
    runId: readHeader(headers, HEADERS.runId, RunId),
    sliceId: readHeader(headers, HEADERS.sliceId, SliceId),
    wantsSteps: headers.get(HEADERS.steps) === '1',
  };
}

export function toLogContext({ tenantId, sessionId, senderId, runId }: Caller): LogContext {
  return {
    ...(tenantId === undefined ? {} : { tenant_id: tenantId }),
    ...(sessionId === undefined ? {} : { chat_source_session_id: sessionId }),
    ...(senderId === undefined ? {} : { sender_id: senderId }),
    ...(runId === undefined ? {} : { run_id: runId }),
  };
}

function readHeader(headers: Headers, name: string, schema: z.ZodType<string>): string | undefined {
  const value = headers.get(name);
  if (value === null) return undefined;
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new RubotError(
    'invalid_request',
    `The header ${name} ${result.error.issues[0]?.message ?? 'is not valid'}. The orchestrator sets it; call the orchestrator.`,
    {
      param: name,
    },
  );
}
