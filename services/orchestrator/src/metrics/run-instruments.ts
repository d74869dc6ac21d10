import { Counter, Histogram, type Registry } from 'prom-client';

const MOMENTS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];
/** A run may wait days for a person. */
const WHILES = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3_600, 86_400];

/** What is measured of runs. No tenant, session, run or agent is named: every label has few values. */
export function createRunInstruments(registry: Registry) {
  const registers = [registry];
  const counter = <Label extends string = never>(name: string, help: string, ...labelNames: Label[]) =>
    new Counter({ name, help, labelNames, registers });
  const histogram = <Label extends string>(name: string, help: string, buckets: number[], ...labelNames: Label[]) =>
    new Histogram({ name, help, buckets, labelNames, registers });

  return {
    accepted: counter('rubot_runs_accepted_total', 'Runs that were let in, by whether a slot was free at once.', 'slot_type', 'entry'),
    refused: counter('rubot_runs_refused_total', 'Runs that were not let in, by the code of the error.', 'code'),
    limited: counter(
      'rubot_runs_limited_total',
      'Of those, runs for which a limit had no room, by the limit and whose it is.',
      'kind',
      'owner',
    ),
    ended: counter('rubot_runs_ended_total', 'Runs to which this process has given their outcome.', 'status'),
    retries: counter('rubot_run_retries_total', 'Attempts that failed and are followed by another.'),
    sweeps: counter('rubot_sweeps_total', 'Looks for runs that their processes had left.'),
    swept: counter('rubot_runs_swept_total', 'Runs that their processes had left, by what became of them.', 'outcome'),
    duration: histogram(
      'rubot_run_duration_seconds',
      'From the moment that a run was let in to its end, waiting included; of those that were worked on to their end.',
      WHILES,
      'status',
    ),
    held: histogram('rubot_attempt_duration_seconds', 'How long an attempt of a run held its slot.', WHILES, 'slot_type'),
    waited: histogram(
      'rubot_queue_wait_seconds',
      'How long a run waited for its slot, each time that it was taken out of the queue.',
      MOMENTS,
      'slot_type',
      'priority',
    ),
    firstWords: histogram('rubot_first_token_seconds', 'From the arrival of a streamed completion to its first words.', MOMENTS, 'path'),
  };
}
