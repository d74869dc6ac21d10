import type { LogLevel } from '@rubot/contracts/log';

/** An event that a service may log: its level and its fixed words. What varies goes into fields, never into the message. */
export interface EventDefinition {
  readonly level: LogLevel;
  readonly message: string;
}

export type EventTable = Readonly<Record<string, EventDefinition>>;

/** The events that every deployable shares; each deployable adds its own in its `events.ts`. */
export const COMMON_EVENTS = {
  'service.started': { level: 'info', message: 'service started' },
  'service.draining': { level: 'info', message: 'service stops taking requests and finishes those it has' },
  'service.stopped': { level: 'info', message: 'service stopped' },
  'service.failed': { level: 'error', message: 'service failed outside of a request' },
  'probe.completed': { level: 'debug', message: 'health, readiness or figures told' },
  'request.completed': { level: 'info', message: 'request answered' },
  'upstream.completed': { level: 'info', message: 'call to another service ended' },
} as const satisfies EventTable;
