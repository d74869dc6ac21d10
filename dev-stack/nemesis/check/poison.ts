import type { RunEvidence } from './evidence.ts';

const CRASHES_OF_POISON = 3;

/** A run that three processes died of is given up, in the open: that is a promise as well. */
export function isPoison({ run }: RunEvidence): boolean {
  return run.status === 'failed' && run.error?.code === 'run_crashed' && run.crash_count >= CRASHES_OF_POISON;
}
