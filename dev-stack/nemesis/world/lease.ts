/** Short, so that a dead process is found out within the time of an attack. */
export const SHORT_LEASE: Readonly<Record<string, string>> = {
  RUN_LEASE_MS: '1500',
  RUN_HEARTBEAT_MS: '400',
  SWEEP_INTERVAL_MS: '250',
  EVENTS_POLL_MS: '200',
};
