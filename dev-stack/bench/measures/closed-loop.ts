export interface ClosedLoopOptions {
  /** How many do the work at the same time, each beginning again as soon as it has finished. */
  readonly concurrency: number;
  /** After that none begins again; what was begun is finished. */
  readonly turnMs: number;
  readonly work: (worker: number) => Promise<void>;
}

export interface ClosedLoop {
  readonly count: number;
  readonly perSecond: number;
}

/** How often something can be done by a fixed number of clients that wait for it. Nothing that was begun is left undone. */
export async function measureClosedLoop({ concurrency, turnMs, work }: ClosedLoopOptions): Promise<ClosedLoop> {
  const startMs = performance.now();
  const endMs = startMs + turnMs;
  let count = 0;

  async function workOn(worker: number): Promise<void> {
    while (performance.now() < endMs) {
      await work(worker);
      count += 1;
    }
  }

  await Promise.all(Array.from({ length: concurrency }, (_, worker) => workOn(worker)));
  return { count, perSecond: (count * 1_000) / (performance.now() - startMs) };
}
