import { CallDecisions, STEPS_HELD, STEPS_TOLD } from '@rubot/contracts/agent';
import { HEADERS } from '@rubot/contracts/headers';
import { RunId, SenderId, SessionId, SliceId, TenantId } from '@rubot/contracts/ids';
import { RubotError } from '@rubot/errors';
import type { LogContext } from '@rubot/logging';
import { z } from 'zod';

/** Which steps are events of the stream: none, each finished one, or each, with calls that change something held back. */
export type StepsMode = 'none' | 'told' | 'held';

/** What persons have decided on tool calls, by the id of the call. */
export type Decisions = ReadonlyMap<string, CallDecisions[string]>;

/** For whom and within which run an agent is asked; what is absent was not told. */
export interface Caller {
  readonly tenantId: string | undefined;
  readonly sessionId: string | undefined;
  readonly senderId: string | undefined;
  readonly dataBearer: string | undefined;
  readonly runId: string | undefined;
  readonly sliceId: string | undefined;
  readonly steps: StepsMode;
  /** Comes along where the conversation ends in calls that are to be run, and with nothing else. */
  readonly decisions: Decisions | undefined;
}

const Bearer = z.string().regex(/^[\x21-\x7e]{1,4096}$/, 'must be the data bearer of the request');

const Steps = z
  .enum([STEPS_TOLD, STEPS_HELD], `must be ${STEPS_TOLD} or ${STEPS_HELD}`)
  .transform((value): StepsMode => (value === STEPS_HELD ? 'held' : 'told'));

const Decisions = z.string().transform((value, context): Decisions => {
  const { data } = CallDecisions.safeParse(decodeJson(value));
  // A map, as a call may have the id `constructor`.
  if (data !== undefined) return new Map(Object.entries(data));
  context.addIssue({ code: 'custom', message: 'must be URI-encoded JSON of decisions, approve or reject, by the ids of tool calls' });
  return z.NEVER;
});

/** To be called behind the hop key alone: what stands in these headers is believed. @throws RubotError `invalid_request` */
export function readCaller(headers: Headers): Caller {
  return {
    tenantId: readHeader(headers, HEADERS.tenantId, TenantId),
    sessionId: readHeader(headers, HEADERS.sessionId, SessionId),
    senderId: readHeader(headers, HEADERS.senderId, SenderId),
    dataBearer: readHeader(headers, HEADERS.dataBearer, Bearer),
    runId: readHeader(headers, HEADERS.runId, RunId),
    sliceId: readHeader(headers, HEADERS.sliceId, SliceId),
    steps: readHeader(headers, HEADERS.steps, Steps) ?? 'none',
    decisions: readHeader(headers, HEADERS.decisions, Decisions),
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

function decodeJson(value: string): unknown {
  try {
    return JSON.parse(decodeURIComponent(value));
  } catch {
    return undefined;
  }
}

function readHeader<Value>(headers: Headers, name: string, schema: z.ZodType<Value, string>): Value | undefined {
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
