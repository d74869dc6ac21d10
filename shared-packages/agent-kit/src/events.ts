import { COMMON_EVENTS, type EventTable } from '@rubot/logging/events';
import { MODEL_EVENTS } from '@rubot/models/events';

export const AGENT_EVENTS = {
  ...COMMON_EVENTS,
  ...MODEL_EVENTS,
  'tool.completed': { level: 'info', message: 'tool call ended' },
  'agent.log': { level: 'info', message: 'agent run ended' },
} as const satisfies EventTable;
