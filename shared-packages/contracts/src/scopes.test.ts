import { describe, expect, it } from 'vitest';
import { CLIENT_SCOPES, type ClientScope, coversScope, coversScopes } from './scopes.ts';

/** Which scopes each scope opens: written down whole, so that no change of the hierarchy goes unseen. */
const OPENS: Readonly<Record<ClientScope, readonly ClientScope[]>> = {
  'chat:write': ['chat:write'],
  'run:read': ['run:read'],
  'run:write': ['run:read', 'run:write'],
  'approval:submit': ['run:read', 'approval:submit'],
  'trace:read': ['trace:read'],
  'admin:senders': ['admin:senders'],
  'admin:tokens': ['admin:tokens'],
  'admin:access': ['admin:access'],
  'admin:connections': ['admin:connections'],
  'admin:audit': ['admin:audit'],
  'admin:*': CLIENT_SCOPES,
};

describe('a scope', () => {
  it.each(CLIENT_SCOPES)('%s opens what stands under it, and nothing else', (held) => {
    expect(CLIENT_SCOPES.filter((needed) => coversScope([held], needed))).toEqual(OPENS[held]);
  });

  it('that nobody knows opens nothing, whatever it is called', () => {
    for (const held of ['', '*', 'admin', 'admin:', 'chat:*', 'constructor', '__proto__', 'toString']) {
      expect(CLIENT_SCOPES.filter((needed) => coversScope([held], needed))).toEqual([]);
    }
  });

  it('is held by none who hold nothing', () => {
    expect(coversScope([], 'chat:write')).toBe(false);
    expect(coversScopes([], [])).toBe(true);
  });
});

describe('several scopes', () => {
  it('are covered when each is', () => {
    expect(coversScopes(['run:write', 'chat:write'], ['run:read', 'chat:write'])).toBe(true);
    expect(coversScopes(['run:write'], ['run:read', 'chat:write'])).toBe(false);
  });
});
