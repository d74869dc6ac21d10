import type fc from 'fast-check';
import { admitAgain, admitCopies, admitOne, admitTogether } from './admissions.ts';
import type { RunCommand, Tally } from './command.ts';
import { cancel, decide, finishAndCancel, read, redrive } from './from-outside.ts';
import { claimOne, claimTogether, crash, lapse, makeDue, sweepOnce, sweepTogether } from './queue.ts';
import { beat, finish, handBack, moveTo, park, retryLater, write } from './writes.ts';

const OFTEN = [admitOne, claimOne, crash, write, write, decide, decide];
const SOMETIMES = [finish, park, lapse, sweepOnce, beat, handBack, retryLater, moveTo, cancel, makeDue, redrive];
const SELDOM = [admitAgain, admitCopies, admitTogether, claimTogether, sweepTogether, finishAndCancel, read];

/** All that can be done to a store; each is as probable as it is frequent here. */
export function createRunCommands(tally: Tally): fc.Arbitrary<RunCommand>[] {
  return [...OFTEN, ...OFTEN, ...SOMETIMES, ...SELDOM].map((command) => command(tally));
}
