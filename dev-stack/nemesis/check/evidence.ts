import type { StepEvent } from '@rubot/contracts/agent';
import type { Effect, ModelCall } from '../agent/ledger.ts';
import type { World } from '../world/start-world.ts';

export interface RunRow {
  readonly run_id: string;
  readonly trace_id: string;
  readonly status: string;
  readonly attempt: number;
  readonly crash_count: number;
  readonly last_seq: number;
  readonly is_finished: boolean;
  readonly error: { readonly code?: string; readonly message?: string } | null;
}

export interface StepRow {
  readonly slice_id: string;
  readonly step_index: number;
  readonly attempt: number;
  readonly step: StepEvent;
}

export interface EventRow {
  readonly seq: number;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** All that is known of one run, from the database and from the world beside it. */
export interface RunEvidence {
  readonly run: RunRow;
  /** As the journal has them. */
  readonly steps: readonly StepRow[];
  readonly events: readonly EventRow[];
  /** In the order in which they were asked. */
  readonly modelCalls: readonly ModelCall[];
  readonly effects: readonly Effect[];
}

export async function readEvidence({ database, ledger }: Pick<World, 'database' | 'ledger'>): Promise<readonly RunEvidence[]> {
  const runs = await database.query<RunRow>(
    'SELECT run_id, trace_id, status, attempt, crash_count, last_seq, finished_at IS NOT NULL AS is_finished, error FROM runs ORDER BY run_id',
  );
  const steps = await database.query<StepRow & { run_id: string }>('SELECT * FROM run_steps ORDER BY run_id, slice_id, step_index');
  const events = await database.query<EventRow & { run_id: string }>('SELECT * FROM run_events ORDER BY run_id, seq');
  const stepsOf = Map.groupBy(steps, (step) => step.run_id);
  const eventsOf = Map.groupBy(events, (event) => event.run_id);
  const callsOf = Map.groupBy(ledger.modelCalls, (call) => call.traceId);
  const effectsOf = Map.groupBy(ledger.effects, (effect) => effect.runId);
  return runs.map((run) => ({
    run,
    steps: stepsOf.get(run.run_id) ?? [],
    events: eventsOf.get(run.run_id) ?? [],
    modelCalls: callsOf.get(run.trace_id) ?? [],
    effects: effectsOf.get(run.run_id) ?? [],
  }));
}
