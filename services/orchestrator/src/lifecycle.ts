/** Whether the process still wants requests; readiness asks, the shutdown tells. */
export interface Lifecycle {
  isDraining(): boolean;
  drain(): void;
}

export function createLifecycle(): Lifecycle {
  let draining = false;
  return {
    isDraining: () => draining,
    drain() {
      draining = true;
    },
  };
}
