import { describe, expect, it } from 'vitest';
import type { RateLimitBinding } from '../src/access/shield.ts';
import { CHAT, ENV, IDENTITY } from './_harness.ts';
import { askWith, createFakePlatform, refusalOf, TOKEN_ID } from './_middleware.ts';

interface CountingShield extends RateLimitBinding {
  readonly keys: string[];
  full: boolean;
}

function createCountingShield(): CountingShield {
  const keys: string[] = [];
  return {
    keys,
    full: false,
    async limit({ key }) {
      keys.push(key);
      return { success: !this.full };
    },
  };
}

const MODELS = '/v1/models';

describe('the shield', () => {
  it('counts each credential by itself, the senders of the chat source too, and whoever has none by address', async () => {
    const shield = createCountingShield();
    const { gateway, middleware } = await createFakePlatform({ shield });
    const { text } = await middleware.addToken();
    const address = { 'cf-connecting-ip': '203.0.113.7', 'x-forwarded-for': '10.0.0.1' };
    await askWith(gateway, text, 'GET', MODELS, { headers: address });
    await askWith(gateway, ENV.GATEWAY_API_KEY, 'GET', MODELS, { headers: { ...IDENTITY, ...address } });
    await askWith(gateway, ENV.ADMIN_API_KEY, 'GET', '/admin/dead-letters', { headers: address });
    await askWith(gateway, 'wrong', 'GET', MODELS, { headers: address });
    await askWith(gateway, 'wrong', 'GET', '/admin/dead-letters', { headers: address });
    expect(shield.keys).toEqual([`token:${TOKEN_ID}`, 'sender:+15550100', 'operator', 'address:203.0.113.7', 'address:203.0.113.7']);
  });

  it('counts nobody for an address where it could not be found out who asks', async () => {
    const shield = createCountingShield();
    const { gateway, middleware } = await createFakePlatform({ shield });
    const { text } = await middleware.addToken();
    middleware.intercept = () => Promise.reject(new TypeError('connect ECONNREFUSED'));
    expect(await refusalOf(askWith(gateway, text, 'GET', MODELS))).toEqual([503, 'unavailable']);
    expect(shield.keys).toEqual([]);
    // With no edge in front of it, there is no address: all who have no key are counted as one.
    expect(await refusalOf(askWith(gateway, 'wrong', 'GET', MODELS))).toEqual([401, 'invalid_api_key']);
    expect(shield.keys).toEqual(['address:']);
  });

  it('says when to come again, and lets nothing through', async () => {
    const shield = createCountingShield();
    shield.full = true;
    const { gateway, middleware } = await createFakePlatform({ shield });
    const headers = { ...IDENTITY, 'x-tenant-id': 'forged' };
    for (const key of [ENV.GATEWAY_API_KEY, 'wrong']) {
      const response = await askWith(gateway, key, 'POST', '/v1/chat/completions', { body: CHAT, headers });
      expect([response.status, response.headers.get('retry-after'), response.headers.get('x-should-retry')]).toEqual([429, '10', 'true']);
      expect(await response.json()).toMatchObject({ error: { code: 'rate_limited' } });
    }
    expect([gateway.toOrchestrator, middleware.audit]).toEqual([[], []]);
  });

  it('that fails refuses nobody, and lets nobody in who has no key', async () => {
    const shield: RateLimitBinding = { limit: () => Promise.reject(new Error('no such namespace')) };
    const { gateway } = await createFakePlatform({ shield });
    expect((await gateway.complete(CHAT)).status).toBe(200);
    expect(await refusalOf(askWith(gateway, 'wrong', 'GET', MODELS))).toEqual([401, 'invalid_api_key']);
  });
});
