export type BenchLength = 'quick' | 'usual' | 'long';

export interface BenchReport {
  /** Everything that was measured, for programs. */
  readonly figures: object;
  /** The same, for people. */
  readonly lines: readonly string[];
}

/** Starts what it measures, measures it, stops it. */
export type Bench = (length: BenchLength) => Promise<BenchReport>;
