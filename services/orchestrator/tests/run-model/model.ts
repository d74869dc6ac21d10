import type { SlotType } from '@rubot/contracts/agent';
import type { RunStatus, SessionStrategy } from '@rubot/contracts/runs';
import type { TenantLimits } from '../../src/runs/postgres/store-context.ts';

/** What the store shall hold of a run, as far as it decides anything. */
export interface ModelRun {
  readonly id: string;
  readonly tenant: string;
  readonly session: string;
  readonly isRemembered: boolean;
  status: RunStatus;
  slotType: SlotType;
  attempt: number;
  crashCount: number;
  failureCount: number;
  /** Its holder has been silent for longer than the lease. */
  isLapsed: boolean;
  /** It may be tried again by an operator. */
  isDead: boolean;
  /** The rights of its sender, which go with its end. */
  hasBearer: boolean;
  /** What each event says, in order. */
  readonly events: string[];
  readonly steps: string[];
  pending: readonly string[];
  decided: Readonly<Record<string, string>>;
}

export interface ModelTicket {
  readonly slotType: SlotType;
  isDelayed: boolean;
}

export interface ModelSession {
  active: string | null;
  turns: number;
}

export interface ModelRequest {
  readonly id: string;
  readonly tenant: string;
  readonly session: string;
  readonly strategy: SessionStrategy | undefined;
  readonly slotType: SlotType;
  readonly mayBegin: boolean;
  readonly key: string | undefined;
  readonly fingerprint: string;
}

/** A right to write, as it was given out once. */
export interface ModelGrip {
  readonly runId: string;
  readonly attempt: number;
}

export type ModelEnd = 'completed' | 'failed' | 'freed' | 'dead';

const MAX_CRASHES = 3;

/**
 * The run store as one would have it if nothing could fail and nobody came at the same time: maps in memory. Whatever is
 * done to the store is done to this too; then both must say and hold the same.
 */
export interface RunModel {
  readonly limits: TenantLimits;
  readonly runs: ReadonlyMap<string, ModelRun>;
  readonly tickets: ReadonlyMap<string, ModelTicket>;
  readonly sessions: ReadonlyMap<string, ModelSession>;
  readonly keys: ReadonlyMap<string, { readonly runId: string; readonly fingerprint: string }>;
  /** Open runs of a tenant in this state. */
  countOf(tenant: string, status: RunStatus): number;
  holds(grip: ModelGrip): boolean;
  /** What is taken from the queue must be of these. */
  takeable(slotType: SlotType): readonly string[];
  /** @returns what the store shall say */
  admit(request: ModelRequest): string;
  /** A ticket was taken: its run is begun, if it still waits. @returns whether it was */
  take(runId: string): boolean;
  write(grip: ModelGrip, words: readonly string[], step: string | undefined): string;
  end(grip: ModelGrip, end: ModelEnd): string;
  park(grip: ModelGrip, calls: readonly string[]): string;
  waitAgain(grip: ModelGrip, change: { readonly failure: boolean; readonly slotType: SlotType; readonly isDelayed: boolean }): string;
  handBack(grips: readonly ModelGrip[]): void;
  renew(grips: readonly ModelGrip[]): void;
  lapse(runId: string): void;
  makeDue(runId: string): void;
  /** The run's holder was found to be silent. */
  sweep(runId: string): 'requeued' | 'buried';
  cancel(runId: string, tenant: string): boolean;
  decide(runId: string, tenant: string, call: string, decision: string): string;
  redrive(runId: string): string;
}

export function isOpen({ status }: Pick<ModelRun, 'status'>): boolean {
  return status === 'queued' || status === 'running' || status === 'requires_action';
}

export function createRunModel(limits: TenantLimits): RunModel {
  const runs = new Map<string, ModelRun>();
  const tickets = new Map<string, ModelTicket>();
  const sessions = new Map<string, ModelSession>();
  const keys = new Map<string, { runId: string; fingerprint: string }>();

  const countOf = (tenant: string, status: RunStatus) =>
    [...runs.values()].filter((run) => run.tenant === tenant && run.status === status).length;
  const isFull = (tenant: string) => limits.concurrency !== undefined && countOf(tenant, 'running') >= limits.concurrency;

  function held({ runId, attempt }: ModelGrip): ModelRun | undefined {
    const run = runs.get(runId);
    return run?.status === 'running' && run.attempt === attempt ? run : undefined;
  }

  function waitAgain(run: ModelRun, slotType = run.slotType, isDelayed = false): void {
    Object.assign(run, { status: 'queued', isLapsed: false, slotType });
    tickets.set(run.id, { slotType, isDelayed });
  }

  function endAs(run: ModelRun, status: RunStatus): void {
    Object.assign(run, { status, isLapsed: false, hasBearer: false, pending: [] });
    run.events.push(`end ${status}`);
    if (!run.isRemembered) return;
    const session = sessions.get(sessionOf(run));
    if (session?.active !== run.id) return;
    const next = [...runs.values()].find((other) => other.isRemembered && sessionOf(other) === sessionOf(run) && isOpen(other));
    session.active = next?.id ?? null;
    if (next !== undefined) tickets.set(next.id, { slotType: next.slotType, isDelayed: false });
  }

  function cancelRun(run: ModelRun): void {
    endAs(run, 'cancelled');
  }

  /** All that a message which interrupts ends: the answer that is given, and whoever waits behind it. */
  function interrupted({ strategy, ...of }: ModelRequest): readonly ModelRun[] {
    if (strategy !== 'interrupt') return [];
    return [...runs.values()].filter((run) => run.isRemembered && sessionOf(run) === sessionOf(of) && isOpen(run));
  }

  function enterSession(request: ModelRequest): void {
    const session = sessions.get(sessionOf(request)) ?? { active: null, turns: 0 };
    sessions.set(sessionOf(request), session);
    // Before they end, so that the turn goes to none of them.
    if (request.strategy === 'interrupt') session.active = null;
    for (const run of interrupted(request)) cancelRun(run);
    session.active ??= request.id;
  }

  /** What keeps a request out, if anything does. */
  function refuse(request: ModelRequest, isBegun: boolean): string | undefined {
    const { id, tenant, key, fingerprint, strategy } = request;
    const known = key === undefined ? undefined : keys.get(keyOf(tenant, key));
    if (known !== undefined) return known.fingerprint === fingerprint ? `known ${known.runId}` : 'idempotency_mismatch';
    if (runs.has(id) || (strategy === 'reject' && isTaken(request))) return 'conflict';
    return !isBegun && staying(request, 'queued') >= limits.queueDepth ? 'rate_limited' : undefined;
  }

  function isTaken(request: ModelRequest): boolean {
    if (request.strategy === undefined || request.strategy === 'interrupt') return false;
    return (sessions.get(sessionOf(request))?.active ?? null) !== null;
  }

  /** How many of the tenant's runs are in this state, once those that the request interrupts have ended. */
  function staying(request: ModelRequest, status: RunStatus): number {
    return countOf(request.tenant, status) - interrupted(request).filter((run) => run.status === status).length;
  }

  function hasRoom(request: ModelRequest): boolean {
    return limits.concurrency === undefined || staying(request, 'running') < limits.concurrency;
  }

  function admit(request: ModelRequest): string {
    const { id, tenant, session, key, fingerprint, slotType } = request;
    const isRemembered = request.strategy !== undefined;
    const waitsForTurn = isTaken(request);
    const isBegun = request.mayBegin && !waitsForTurn && hasRoom(request);
    const refusal = refuse(request, isBegun);
    if (refusal !== undefined) return refusal;
    if (isRemembered) enterSession(request);
    const counts = { attempt: isBegun ? 1 : 0, crashCount: 0, failureCount: 0 };
    const state = { isLapsed: false, isDead: false, hasBearer: true, events: ['start'], steps: [], pending: [], decided: {} };
    runs.set(id, { id, tenant, session, isRemembered, status: isBegun ? 'running' : 'queued', slotType, ...counts, ...state });
    if (key !== undefined) keys.set(keyOf(tenant, key), { runId: id, fingerprint });
    if (isBegun) return 'begun';
    if (!waitsForTurn) tickets.set(id, { slotType, isDelayed: false });
    return 'queued';
  }

  function freeKeys(runId: string): void {
    for (const [name, key] of keys) if (key.runId === runId) keys.delete(name);
  }

  function keepTurn(run: ModelRun): void {
    const session = sessions.get(sessionOf(run));
    if (run.isRemembered && session !== undefined) session.turns += 1;
  }

  return {
    limits,
    runs,
    tickets,
    sessions,
    keys,
    countOf,
    holds: (grip) => held(grip) !== undefined,
    takeable: (slotType) =>
      [...tickets]
        .filter(([id, ticket]) => ticket.slotType === slotType && !ticket.isDelayed && !isFull(runs.get(id)?.tenant ?? ''))
        .map(([id]) => id),
    admit,
    take(runId) {
      tickets.delete(runId);
      const run = runs.get(runId);
      if (run?.status !== 'queued') return false;
      run.status = 'running';
      run.attempt += 1;
      if (run.attempt > 1) run.events.push(`restart ${run.attempt}`);
      return true;
    },
    write(grip, words, step) {
      const run = held(grip);
      if (run === undefined) return 'conflict';
      run.events.push(...words.map((word) => `chunk ${word}`));
      if (step !== undefined) run.steps.push(step);
      return 'done';
    },
    end(grip, end) {
      const run = held(grip);
      if (run === undefined) return 'conflict';
      if (end === 'completed') keepTurn(run);
      if (end === 'freed') freeKeys(run.id);
      run.isDead = end === 'dead';
      endAs(run, end === 'completed' ? 'completed' : 'failed');
      return 'done';
    },
    park(grip, calls) {
      const run = held(grip);
      if (run === undefined) return 'conflict';
      Object.assign(run, { status: 'requires_action', pending: calls, isLapsed: false });
      run.events.push('requires_action');
      return 'done';
    },
    waitAgain(grip, { failure, slotType, isDelayed }) {
      const run = held(grip);
      if (run === undefined) return 'conflict';
      if (failure) run.failureCount += 1;
      run.events.push('retry');
      waitAgain(run, slotType, isDelayed);
      return 'done';
    },
    handBack(grips) {
      for (const run of grips.map(held)) if (run !== undefined) waitAgain(run);
    },
    renew(grips) {
      for (const run of grips.map(held)) if (run !== undefined) run.isLapsed = false;
    },
    lapse(runId) {
      const run = runs.get(runId);
      if (run?.status === 'running') run.isLapsed = true;
    },
    makeDue(runId) {
      const ticket = tickets.get(runId);
      if (ticket !== undefined) ticket.isDelayed = false;
    },
    sweep(runId) {
      const run = runs.get(runId);
      if (run?.isLapsed !== true) throw new Error(`${runId} was swept, though it was held`);
      run.crashCount += 1;
      if (run.crashCount < MAX_CRASHES) {
        waitAgain(run);
        return 'requeued';
      }
      run.isDead = true;
      endAs(run, 'failed');
      return 'buried';
    },
    cancel(runId, tenant) {
      const run = runs.get(runId);
      if (run === undefined || run.tenant !== tenant || !isOpen(run)) return false;
      cancelRun(run);
      return true;
    },
    decide(runId, tenant, call, decision) {
      const run = runs.get(runId);
      if (run === undefined || run.tenant !== tenant) return 'not_found';
      if (run.status === 'requires_action' && run.pending.includes(call)) {
        run.pending = run.pending.filter((other) => other !== call);
        run.decided = { ...run.decided, [call]: decision };
        run.hasBearer = true;
        run.events.push(`approval ${call} ${decision}`);
        if (run.pending.length === 0) waitAgain(run);
        return 'done';
      }
      if (call in run.decided) return 'conflict';
      return run.status === 'requires_action' ? 'not_found' : 'conflict';
    },
    redrive(runId) {
      const run = runs.get(runId);
      const session = run?.isRemembered === true ? sessions.get(sessionOf(run)) : undefined;
      if (run?.isDead !== true || (session?.active ?? null) !== null) return 'conflict';
      if (session !== undefined) session.active = run.id;
      Object.assign(run, { isDead: false, crashCount: 0, failureCount: 0 });
      run.events.push('retry');
      waitAgain(run);
      return 'done';
    },
  };
}

export function sessionOf({ tenant, session }: { readonly tenant: string; readonly session: string }): string {
  return `${tenant}/${session}`;
}

function keyOf(tenant: string, key: string): string {
  return `${tenant}/${key}`;
}
