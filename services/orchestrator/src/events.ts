import { COMMON_EVENTS, type EventTable } from '@rubot/logging/events';
import { MODEL_EVENTS } from '@rubot/models/events';

export const ORCHESTRATOR_EVENTS = {
  ...COMMON_EVENTS,
  ...MODEL_EVENTS,
  'agent.ejected': { level: 'warn', message: 'agent replica failed its health checks and gets no more requests' },
  'agent.restored': { level: 'info', message: 'agent replica passed a health check and gets requests again' },
  'breaker.opened': { level: 'warn', message: 'agent replica failed several requests in a row and gets none for a while' },
  'breaker.closed': { level: 'info', message: 'agent replica answered a probe and gets requests again' },
  'capabilities.refreshed': { level: 'info', message: 'capabilities of an agent read' },
  'plan.completed': { level: 'info', message: 'agents chosen' },
  'plan.rejected': { level: 'warn', message: 'planner gave no usable plan; one agent was chosen without it' },
  'slice.completed': { level: 'info', message: 'part of a plan ended' },
  'run.worked': { level: 'info', message: 'attempt of a run out of the queue ended' },
  'run.requeued': { level: 'warn', message: 'run that its process had left waits in the queue again' },
  'run.buried': { level: 'error', message: 'run under which several processes have died was given up' },
  'queue.unread': { level: 'warn', message: 'the queue could not be read' },
  'queue.failed': { level: 'warn', message: 'upkeep of the queue failed' },
  'run.left': { level: 'warn', message: 'run goes on elsewhere, or was ended elsewhere' },
  'lease.unrenewed': { level: 'warn', message: 'the store could not be told that runs live' },
  'sweep.failed': { level: 'warn', message: 'the store could not be searched for runs that were left' },
  'run.parked': { level: 'info', message: 'run waits for a person to decide on calls of tools' },
  'run.retried': { level: 'warn', message: 'attempt of a run failed; another one follows' },
  'run.redriven': { level: 'info', message: 'dead letter put back into the queue by an operator' },
  'run.completed': { level: 'info', message: 'run ended' },
} as const satisfies EventTable;
