import { createHash } from 'node:crypto';
import { ChatRequest } from '@rubot/contracts/chat-request';
import { HEADERS, parseAllowedAgents } from '@rubot/contracts/headers';
import {
  MEMORIES,
  type Memory,
  ON_DISCONNECT,
  PRIORITIES,
  type Priority,
  SESSION_STRATEGIES,
  type SessionStrategy,
} from '@rubot/contracts/runs';
import { RubotError } from '@rubot/errors';
import type { BaseEnv } from '@rubot/http/base-app';
import { readJsonBody } from '@rubot/http/body';
import { readGrantedMs } from '@rubot/http/deadline';
import { parseInput } from '@rubot/http/parse';
import { newRunId } from '@rubot/http/run-id';
import type { Context } from 'hono';
import type { Agent } from '../agents/agent.ts';
import { findEligible } from '../agents/eligible.ts';
import type { OrchestratorDeps } from '../deps.ts';
import { type Demand, toDemands } from '../limits/demands.ts';
import { estimateTokens } from '../limits/estimate.ts';
import { PLANNER } from '../limits/prices.ts';
import { slotTypeOf } from '../queue/slot-type.ts';
import type { Admission, IdempotencyKey, NewRun } from '../runs/run-store.ts';
import { readBearerGrant, readCaller, readCallerLimits, readRunId } from './caller.ts';

/** What a request for a run comes to, before anything is written. */
export interface RunRequest extends Omit<Admission, 'mayBegin'> {
  readonly eligible: readonly Agent[];
  /** How long whoever asked waits for the answer. */
  readonly grantedMs: number;
  /** What it takes of every limit that applies to it. */
  readonly demands: readonly Demand[];
}

export interface ReadRunRequestOptions {
  /** Whether its client waits for the answer; where it does, its leaving may end the run. */
  readonly isAwaited: boolean;
}

/** @throws RubotError for everything that is wrong with it, and where no agent could answer */
export async function readRunRequest(
  c: Context<BaseEnv>,
  deps: OrchestratorDeps,
  { isAwaited }: ReadRunRequestOptions,
): Promise<RunRequest> {
  const { headers } = c.req.raw;
  const { config, directory } = deps;
  const runId = readRunId(headers) ?? newRunId();
  const caller = readCaller(headers);
  const span = c.get('span');
  const { tenantId, sessionId, senderId } = caller;
  span.annotate({ tenant_id: tenantId, chat_source_session_id: sessionId, sender_id: senderId, run_id: runId });
  const { bytes, value } = await readJsonBody(c.req.raw, { maxBytes: config.maxBodyBytes });
  const request = parseInput(ChatRequest, value);
  const memory = readChoice<Memory>(headers, HEADERS.memory, MEMORIES, config.runs.memory);
  const idempotency = readIdempotencyKey(c, memory === 'session' ? sessionId : '', bytes);
  // Whoever brings a key means to come back for the answer.
  const onDisconnect = readChoice(headers, HEADERS.onDisconnect, ON_DISCONNECT, idempotency === undefined ? 'cancel' : 'continue');
  const isBackground = !isAwaited || onDisconnect === 'continue';
  const strategy = readChoice<SessionStrategy>(headers, HEADERS.sessionStrategy, SESSION_STRATEGIES, config.runs.sessionStrategy);
  const allowedAgents = parseAllowedAgents(headers.get(HEADERS.allowedAgents));
  const eligible = findEligible(directory, allowedAgents, request.model);
  const grantedMs = toTimeoutMs(readGrantedMs(headers, config.requestTimeoutMs));
  const demands = toDemands({
    tenantId,
    callerLimits: readCallerLimits(headers),
    globalLimits: config.limits.global,
    estimate: () => estimateTokens(request, bytes.byteLength, config.limits.reservedTokens),
    payees: toPayees(eligible),
    prices: config.limits.prices,
  });
  const run: NewRun = {
    runId,
    caller,
    bearerGrant: readBearerGrant(headers),
    request,
    allowedAgents,
    timeoutMs: isBackground ? config.runs.timeoutMs : grantedMs,
    isBackground,
    priority: readChoice<Priority>(headers, HEADERS.priority, PRIORITIES, isAwaited ? 'high' : 'normal'),
    slotType: await slotTypeOf(directory, eligible),
    traceId: span.traceId,
    spanId: span.spanId,
    isLimited: demands.length > 0,
  };
  return { run, eligible, grantedMs, demands, idempotency, session: memory === 'session' ? strategy : undefined };
}

/** Where there is a choice, the planner makes it. */
function toPayees(eligible: readonly Agent[]): readonly string[] {
  const agentIds = eligible.map((agent) => agent.id);
  return agentIds.length > 1 ? [...agentIds, PLANNER] : agentIds;
}

/** What is kept back of the time that the gateway grants: enough to tell it what came of the run before it gives up. */
const RESERVE_MS = 250;
const MAX_RESERVED_SHARE = 0.1;

export function toTimeoutMs(grantedMs: number): number {
  return Math.floor(grantedMs - Math.min(RESERVE_MS, grantedMs * MAX_RESERVED_SHARE));
}

/** One of the words that a header may hold. @throws RubotError `invalid_request` */
function readChoice<Choice extends string>(headers: Headers, name: string, choices: readonly Choice[], fallback: Choice): Choice {
  const value = headers.get(name) ?? fallback;
  const choice = choices.find((known) => known === value);
  if (choice !== undefined) return choice;
  throw new RubotError('invalid_request', `The header ${name} must be one of: ${choices.join(', ')}.`, { param: name });
}

const KEY_SHAPE = /^[\x21-\x7e]{1,255}$/;

/**
 * The key under which the request may be made again, with the mark of what is asked. The path is in it: a key belongs to one
 * request about one thing.
 *
 * @throws RubotError `invalid_request`
 */
export function readIdempotencyKey(c: Context<BaseEnv>, about: string, body: Uint8Array): IdempotencyKey | undefined {
  const key = c.req.header(HEADERS.idempotencyKey);
  if (key === undefined) return undefined;
  if (!KEY_SHAPE.test(key)) {
    throw new RubotError('invalid_request', 'The header Idempotency-Key must be 1 to 255 printable ASCII characters without spaces.', {
      param: HEADERS.idempotencyKey,
    });
  }
  const fingerprint = createHash('sha256').update(`${c.req.path}\n${about}\n`).update(body).digest('base64url');
  return { key, fingerprint };
}
