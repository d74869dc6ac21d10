import type { RenewBearerResponse } from '@rubot/contracts/bearer';
import { RubotError } from '@rubot/errors';
import { UnsecuredJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { createBearerSource } from './bearer-source.ts';

const START_MS = 1_800_000_000_000;

/** Shaped as a data bearer; nobody verifies it here. */
function tokenFor(ttlSeconds: number): string {
  const iat = START_MS / 1_000;
  return new UnsecuredJWT({})
    .setIssuedAt(iat)
    .setExpirationTime(iat + ttlSeconds)
    .encode();
}

function createGateway(expiresInSeconds = 300) {
  let nowMs = START_MS;
  const asked: PromiseWithResolvers<RenewBearerResponse>[] = [];
  return {
    asked,
    now: () => nowMs,
    pass(ms: number) {
      nowMs += ms;
    },
    answer(token: string) {
      asked.at(-1)?.resolve({ bearer: token, expires_in_seconds: expiresInSeconds });
    },
    refuse(error: RubotError) {
      asked.at(-1)?.reject(error);
    },
    renew() {
      const pending = Promise.withResolvers<RenewBearerResponse>();
      asked.push(pending);
      return pending.promise;
    },
  };
}

type Gateway = ReturnType<typeof createGateway>;
const sourceOf = (token: string, { renew, now }: Gateway) => createBearerSource({ token, renew, now });

describe('a bearer', () => {
  it('is used while it lives for a minute yet, and then renewed before anybody gets it', async () => {
    const gateway = createGateway();
    const token = tokenFor(300);
    const freshBearer = sourceOf(token, gateway);
    gateway.pass(239_999);
    expect(await freshBearer()).toMatchObject({ token, renewAtMs: START_MS + 240_000 });
    gateway.pass(1);
    const renewed = freshBearer();
    gateway.answer('second');
    expect(await renewed).toMatchObject({ token: 'second', renewAtMs: START_MS + 480_000 });
    expect((await freshBearer()).token).toBe('second');
    expect(gateway.asked).toHaveLength(1);
  });

  it('is asked for once, whoever waits for it', async () => {
    const gateway = createGateway();
    const freshBearer = sourceOf(tokenFor(0), gateway);
    const waiting = [freshBearer(), freshBearer(), freshBearer()];
    gateway.answer('second');
    expect((await Promise.all(waiting)).map(({ token }) => token)).toEqual(['second', 'second', 'second']);
    expect(gateway.asked).toHaveLength(1);
  });

  it('that lives for a minute alone is renewed at half of it, not at once and for ever', async () => {
    const gateway = createGateway(60);
    const freshBearer = sourceOf(tokenFor(60), gateway);
    expect((await freshBearer()).renewAtMs).toBe(START_MS + 30_000);
    gateway.pass(30_000);
    const renewed = freshBearer();
    gateway.answer('second');
    expect((await renewed).renewAtMs).toBe(START_MS + 60_000);
  });

  it.each([
    ['no JWS', 'the-data-bearer'],
    ['one without an expiry', new UnsecuredJWT({}).encode()],
    ['three parts of nothing', 'a.b.c'],
  ])('that says nothing of its expiry is used for ever: %s', async (_, token) => {
    const gateway = createGateway();
    const freshBearer = sourceOf(token, gateway);
    gateway.pass(30 * 86_400_000);
    expect(await freshBearer()).toMatchObject({ token, renewAtMs: Number.POSITIVE_INFINITY });
  });

  it('that is gone is asked for before its first use, and its lack is told where nobody gives one', async () => {
    const gateway = createGateway();
    const { renew, now } = gateway;
    const renewed = createBearerSource({ token: undefined, renew, now })();
    gateway.answer('second');
    expect(await renewed).toMatchObject({ token: 'second' });
    await expect(createBearerSource({ token: undefined, renew: undefined })()).rejects.toMatchObject({
      code: 'misconfigured',
      message: expect.stringContaining('GATEWAY_URL'),
    });
  });

  it('that cannot be renewed is used as it is', async () => {
    const token = tokenFor(0);
    expect(await createBearerSource({ token, renew: undefined })()).toMatchObject({ token, renewAtMs: Number.POSITIVE_INFINITY });
  });
});

describe('a run that has outlived its bearer', () => {
  it('gets one before anything is done with it', async () => {
    const gateway = createGateway();
    const { renew, now } = gateway;
    const freshBearer = createBearerSource({ token: undefined, renew, now });
    const first = freshBearer();
    gateway.answer('first');
    expect((await first).token).toBe('first');
  });

  it('is told what is missing where nobody gives any', async () => {
    const freshBearer = createBearerSource({ token: undefined, renew: undefined });
    await expect(freshBearer()).rejects.toMatchObject({ code: 'misconfigured', message: expect.stringContaining('GATEWAY_URL') });
  });
});

describe('a gateway that gives none', () => {
  const outage = new RubotError('unavailable', 'down');

  it('costs nothing while the old one lives, and is asked again a little later', async () => {
    const gateway = createGateway();
    const token = tokenFor(300);
    const freshBearer = sourceOf(token, gateway);
    gateway.pass(250_000);
    const kept = freshBearer();
    gateway.refuse(outage);
    expect(await kept).toMatchObject({ token, renewAtMs: START_MS + 255_000 });
    expect((await freshBearer()).token).toBe(token);
    gateway.pass(5_000);
    const renewed = freshBearer();
    gateway.answer('second');
    expect((await renewed).token).toBe('second');
  });

  it('is told to whoever asks when the old one has died, and asked again by the next', async () => {
    const gateway = createGateway();
    const freshBearer = sourceOf(tokenFor(10), gateway);
    gateway.pass(10_000);
    const failed = freshBearer();
    gateway.refuse(outage);
    await expect(failed).rejects.toBe(outage);
    const renewed = freshBearer();
    gateway.answer('second');
    expect((await renewed).token).toBe('second');
  });

  it('because the rights are gone is believed at once', async () => {
    const gateway = createGateway();
    const freshBearer = sourceOf(tokenFor(300), gateway);
    gateway.pass(250_000);
    const failed = freshBearer();
    gateway.refuse(new RubotError('forbidden', 'The binding is gone.'));
    await expect(failed).rejects.toMatchObject({ code: 'forbidden' });
  });
});
