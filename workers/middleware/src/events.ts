import { COMMON_EVENTS } from '@rubot/logging/events';

export const MIDDLEWARE_EVENTS = {
  ...COMMON_EVENTS,
  'bearer.rejected': { level: 'warn', message: 'a request came without a good key or bearer' },
  'access.refused': { level: 'warn', message: 'someone who is known asked for what is not theirs' },
  'session.bound': { level: 'info', message: 'a session was seen first and now belongs to its sender' },
  'binding.created': { level: 'info', message: 'a sender was bound to a tenant' },
  'binding.deleted': { level: 'info', message: 'a sender was unbound from its tenant' },
  'tenant.saved': { level: 'info', message: 'a tenant was created or changed' },
  'tool.called': { level: 'info', message: 'a tool call ended' },
} as const;
