import { COMMON_EVENTS } from '@rubot/logging/events';

export const GATEWAY_EVENTS = {
  ...COMMON_EVENTS,
  'sender.unlinked': { level: 'info', message: 'a sender without a tenant was shown the linking page' },
  'pin.used': { level: 'info', message: 'a sender has sent a PIN to be linked' },
  'binding.created': { level: 'info', message: 'a sender was bound to a tenant' },
  'binding.deleted': { level: 'info', message: 'a sender was unbound from its tenant' },
  'audit.failed': { level: 'error', message: 'a refusal could not be put on record in the audit' },
} as const;
