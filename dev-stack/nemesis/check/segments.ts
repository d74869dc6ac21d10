import { findMarks } from '../agent/ledger.ts';
import type { EventRow } from './evidence.ts';

/** The events of one attempt: those from one `restart` to the next. */
export interface Segment {
  /** Attempts before this one had their say before. */
  readonly fromAttempt: number;
  readonly beforeAttempt: number;
  readonly events: readonly EventRow[];
  /** The model calls whose words are in it. */
  readonly marks: readonly string[];
}

export function toSegments(events: readonly EventRow[]): readonly Segment[] {
  const starts = [0, ...events.flatMap((event, index) => (event.type === 'restart' ? [index] : []))];
  return starts.map((start, position) => {
    const own = events.slice(start, starts[position + 1]);
    return {
      fromAttempt: position === 0 ? 0 : attemptOf(events[start]),
      beforeAttempt: attemptOf(events[starts[position + 1] ?? -1]),
      events: own,
      marks: findMarks(own.map(toText).join('')),
    };
  });
}

/** Of an event that begins an attempt; no attempt comes before the one that there is not. */
function attemptOf(event: EventRow | undefined): number {
  return event === undefined ? Number.POSITIVE_INFINITY : Number(event.data['attempt']);
}

/** What a chunk says. */
export function toText({ type, data }: Pick<EventRow, 'type' | 'data'>): string {
  if (type !== 'chunk') return '';
  const choices = data['choices'] as readonly { readonly delta?: { readonly content?: string | null } }[] | undefined;
  return choices?.[0]?.delta?.content ?? '';
}
