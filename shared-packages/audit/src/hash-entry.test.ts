import { describe, expect, it } from 'vitest';
import { hashEntry } from './hash-entry.ts';

const entry = {
  chain: 'acme',
  seq: 1,
  at: '2026-11-21T12:00:00.000Z',
  actor: 'operator',
  action: 'binding.created',
  target: '+1.555@chat',
  outcome: 'done',
  trace_id: 'ab'.repeat(16),
  details: { b: 2.5, a: ['é', null] },
  prev_hash: '0'.repeat(64),
};

describe('hashEntry', () => {
  it('is the SHA-256 of the entry as RFC 8785 spells it', async () => {
    // printf '%s' '{"action":"binding.created","actor":"operator","at":"2026-11-21T12:00:00.000Z","chain":"acme","details":{"a":["é",null],"b":2.5},"outcome":"done","prev_hash":"000…","seq":1,"target":"+1.555@chat","trace_id":"abab…"}' | sha256sum
    expect(await hashEntry(entry)).toBe('fda817630355970eddc7a0c0aa5babdf069f47c74987aa55eca7b1eeb17be5a3');
  });

  it('takes no notice of the order of keys, nor of a hash that stands in it', async () => {
    const turned = Object.fromEntries(Object.entries({ ...entry, hash: 'x' }).reverse()) as typeof entry;
    expect(await hashEntry(turned)).toBe(await hashEntry(entry));
  });

  it.each(Object.keys(entry))('takes notice of %s', async (key) => {
    expect(await hashEntry({ ...entry, [key]: key === 'details' ? {} : 'other' })).not.toBe(await hashEntry(entry));
  });

  it('refuses what has no spelling', async () => {
    await expect(hashEntry({ ...entry, target: '\ud800' })).rejects.toThrow();
    await expect(hashEntry({ ...entry, seq: Number.NaN })).rejects.toThrow();
  });
});
