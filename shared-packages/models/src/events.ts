import type { EventTable } from '@rubot/logging/events';

/** The events of a service that calls a model. */
export const MODEL_EVENTS = {
  'model.completed': { level: 'info', message: 'call to a model ended' },
  'model.demo': { level: 'warn', message: 'no model is configured: the built-in demo/scripted model answers' },
} as const satisfies EventTable;
