import type { TraceSpan } from './trace.ts';

export type Interval = Pick<TraceSpan, 'startMs' | 'durationMs'>;

/**
 * How far to move a span so that it lies inside its caller, as cause comes before effect whatever two clocks say.
 * Within one service there is one clock, so a span moves as its caller did. Otherwise it moves no further than it
 * must: most hosts agree to the millisecond, and a centred bar would invent a network delay.
 */
export function toClockShiftMs(span: Interval & Pick<TraceSpan, 'service'>, caller: TraceSpan): number {
  return span.service === caller.service ? caller.clockShiftMs : toShiftInto(span, caller);
}

/** Zero when the span lies inside; a span longer than its caller begins with it. */
export function toShiftInto(span: Interval, caller: Interval): number {
  const earliestShiftMs = caller.startMs - span.startMs;
  const latestShiftMs = earliestShiftMs + Math.max(0, caller.durationMs - span.durationMs);
  return Math.min(Math.max(0, earliestShiftMs), latestShiftMs);
}
