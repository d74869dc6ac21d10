import { ChallengeRequest } from '@rubot/contracts/diagnosis';
import { deriveMacKeys } from '@rubot/keys/derive';
import { makeMac } from '@rubot/keys/mac';
import fc from 'fast-check';
import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import { createChallengeAnswerer } from './answer-challenge.ts';
import { answerChallengeHandler } from './challenge-route.ts';
import { makeChallenge } from './make-challenge.ts';

const OLD = 'old-q8Zt5vXc2Lk9Nf4Rb7Yh1Md6Ps3Wj0Ae';
const NEW = 'new-u2Hn7Kx4Bz9Qw5Tj1Vc6Gy3Lf8Rp0Sd';
const OTHER = 'oth-e5Rj8Wd1Cn6Xv3Zk9Tq4Bf7Yg2Hm0Lp';
const only = (current: string) => ({ current, previous: undefined });
const identity = { service: 'rubot-middleware', environment: 'staging', deploymentHash: '3f2a9c1' };

const answerWith = (secrets: Parameters<typeof createChallengeAnswerer>[0]['secrets']) =>
  createChallengeAnswerer({ secrets, identity, now: () => 1_795_000_000_000 });

describe('a challenge', () => {
  it.each([
    ['the same value', only(NEW), only(NEW), { KEY: 'current' }],
    ['the former value', only(OLD), { current: NEW, previous: OLD }, { KEY: 'previous' }],
    ['the new one where both are held', only(NEW), { current: NEW, previous: OLD }, { KEY: 'current' }],
    ['another value', only(OTHER), { current: NEW, previous: OLD }, { KEY: 'differs' }],
    ['a value too new', { current: NEW, previous: OLD }, only(OLD), { KEY: 'differs', KEY_PREVIOUS: 'current' }],
  ])('is told right for %s', async (_, shown, held, secrets) => {
    expect((await answerWith({ KEY: held })(await makeChallenge({ KEY: shown }))).secrets).toEqual(secrets);
  });

  it('opens what a service says of itself to who has proved a secret, and to nobody else', async () => {
    const answer = answerWith({ KEY: only(NEW), OTHER_KEY: only(OTHER) });
    expect(await answer(await makeChallenge({ KEY: only(NEW), OTHER_KEY: only(OLD) }))).toEqual({
      secrets: { KEY: 'current', OTHER_KEY: 'differs' },
      service: {
        name: 'rubot-middleware',
        environment: 'staging',
        deployment_hash: '3f2a9c1',
        wire_versions: [1],
        now_ms: 1_795_000_000_000,
      },
    });
    expect(await answer(await makeChallenge({ KEY: only(OLD), NO_KEY: only(NEW) }))).toEqual({
      secrets: { KEY: 'differs', NO_KEY: 'absent' },
    });
    expect(await answer({ nonce: '0'.repeat(32), proofs: {} })).toEqual({ secrets: {} });
  });

  it('is new each time, and good for its own nonce and its own name alone', async () => {
    const [first, second] = [await makeChallenge({ KEY: only(NEW) }), await makeChallenge({ KEY: only(NEW) })];
    expect(first.nonce).not.toBe(second.nonce);
    const answer = answerWith({ KEY: only(NEW), TWIN: only(NEW) });
    expect((await answer({ nonce: second.nonce, proofs: first.proofs })).secrets).toEqual({ KEY: 'differs' });
    expect((await answer({ nonce: first.nonce, proofs: { TWIN: first.proofs['KEY'] ?? '' } })).secrets).toEqual({ TWIN: 'differs' });
  });

  it('holds no secret, and no code that is good for anything else', async () => {
    const challenge = await makeChallenge({ BEARER_SIGNING_SECRET: { current: NEW, previous: OLD } });
    const text = JSON.stringify(challenge);
    for (const secret of [NEW, OLD, btoa(NEW), btoa(OLD)]) expect(text).not.toContain(secret);
    const bearerKeys = await deriveMacKeys(only(NEW), 'bearer/rubot-middleware/v1');
    const { mac } = await makeMac(bearerKeys, challenge.nonce);
    expect(challenge.proofs['BEARER_SIGNING_SECRET']).not.toContain(mac);
  });

  it('fits what the other side reads, with every secret shown twice', async () => {
    const secrets = Object.fromEntries(['A', 'B', 'C'].map((name) => [`${name}_API_KEY`, { current: NEW + name, previous: OLD + name }]));
    const challenge = await makeChallenge(secrets);
    expect(ChallengeRequest.parse(challenge)).toEqual(challenge);
    expect(JSON.stringify(challenge).length).toBeLessThan(2_048);
  });
});

describe('POST /challenge', () => {
  const app = new Hono().post('/challenge', answerChallengeHandler({ secrets: { KEY: only(NEW), constructor: only(OLD) }, identity }));
  app.onError((error, c) => c.json({ message: error.message, code: 'code' in error ? error.code : 'none' }, 400));
  const post = (body: string) => app.request('/challenge', { method: 'POST', body, headers: { 'content-type': 'application/json' } });

  it('answers who is right, and keeps nothing of it in a cache', async () => {
    const response = await post(JSON.stringify(await makeChallenge({ KEY: only(NEW) })));
    expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(await response.json()).toMatchObject({ secrets: { KEY: 'current' } });
  });

  it('reads no more than a challenge', async () => {
    const large = {
      nonce: '0'.repeat(32),
      proofs: Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`KEY_${index}`, 'x'.repeat(60)])),
    };
    expect(await (await post(JSON.stringify(large))).json()).toMatchObject({ code: 'payload_too_large' });
  });

  it('tells nothing to any other text, and never breaks', async () => {
    const names = fc.constantFrom('KEY', 'KEY_PREVIOUS', '_PREVIOUS', 'constructor', 'toString', 'hasOwnProperty', '');
    const proof = fc.oneof(
      fc.string({ maxLength: 100 }),
      fc.tuple(fc.string({ maxLength: 16 }), fc.base64String({ maxLength: 60 })).map((parts) => parts.join('.')),
    );
    const challenges = fc.record({ nonce: fc.constant('0'.repeat(32)), proofs: fc.dictionary(names, proof) });
    await fc.assert(
      fc.asyncProperty(challenges, async (challenge) => {
        const response = await post(JSON.stringify(challenge));
        const answer = await response.json();
        expect(response.status, JSON.stringify(answer)).toBe(200);
        expect(answer.service).toBeUndefined();
        for (const verdict of Object.values(answer.secrets)) expect(['differs', 'absent']).toContain(verdict);
      }),
      { numRuns: 300 },
    );
  });
});
