import { COMMON_EVENTS } from '@rubot/logging/events';

export const MIDDLEWARE_EVENTS = {
  ...COMMON_EVENTS,
  'bearer.rejected': { level: 'warn', message: 'a request came without a good key or bearer' },
  'access.refused': { level: 'warn', message: 'someone who is known asked for what is not theirs' },
  'session.bound': { level: 'info', message: 'a session was seen first and now belongs to its sender' },
  'binding.created': { level: 'info', message: 'a sender was bound to a tenant' },
  'binding.deleted': { level: 'info', message: 'a sender was unbound from its tenant' },
  'link_pin.created': { level: 'info', message: 'a tenant made a PIN that links a sender' },
  'link_pin.used': { level: 'info', message: 'a sender was linked by a PIN, or was already' },
  'link_pin.refused': { level: 'warn', message: 'a sender was not linked by what it sent as a PIN' },
  'tenant.saved': { level: 'info', message: 'a tenant was created or changed' },
  'token.issued': { level: 'info', message: 'an API token was issued' },
  'token.revoked': { level: 'info', message: 'an API token was revoked' },
  'handle.issued': { level: 'info', message: 'a handle was made for an action of an API token' },
  'handle.redeemed': { level: 'info', message: 'a bearer may be made from a handle' },
  'connection.saved': { level: 'info', message: 'an upstream of a tenant was connected, or looked at anew' },
  'connection.deleted': { level: 'info', message: 'an upstream of a tenant was disconnected, and its credential deleted' },
  'credentials.reencrypted': { level: 'info', message: 'a page of credentials was brought under the current key' },
  'effect.unrecorded': { level: 'error', message: 'another system has answered a write, and what it said could not be written down' },
  'audit.failed': { level: 'error', message: 'a refusal could not be put on record' },
  'tool.called': { level: 'info', message: 'a tool call ended' },
} as const;
