import { deriveSealKeys } from '@rubot/keys/derive';
import { describe, expect, it } from 'vitest';
import { judgeKeptKeys } from './judge-kept-keys.ts';

const OLD = 'old-q8Zt5vXc2Lk9Nf4Rb7Yh1Md6Ps3Wj0Ae';
const NEW = 'new-u2Hn7Kx4Bz9Qw5Tj1Vc6Gy3Lf8Rp0Sd';
const keyIdOf = async (secret: string) => (await deriveSealKeys({ current: secret, previous: undefined }, 'credentials/v1')).current.keyId;

async function judge(secret: { current: string; previous: string | undefined }, under: readonly string[]) {
  const use = await Promise.all(under.map(async (each) => ({ keyId: await keyIdOf(each), count: 2 })));
  return judgeKeptKeys({ what: 'credentials', ring: await deriveSealKeys(secret, 'credentials/v1'), use, breaks: 'Tools fail.' });
}

describe('the verdict on what is kept encrypted', () => {
  it.each([
    ['nothing', { current: NEW, previous: undefined }, [], 'ok', /all 0 credentials/],
    ['what is current', { current: NEW, previous: OLD }, [NEW], 'ok', /all 2 credentials are under the current/],
    [
      'what waits for its re-encryption',
      { current: NEW, previous: OLD },
      [NEW, OLD],
      'warning',
      /2 credentials are still under ENCRYPTION_SECRET_PREVIOUS/,
    ],
    [
      'what cannot be opened',
      { current: NEW, previous: undefined },
      [NEW, OLD],
      'problem',
      /2 credentials were made with an ENCRYPTION_SECRET/,
    ],
  ])('knows %s', async (_, secret, under, status, message) => {
    expect(await judge(secret, under)).toMatchObject({ status, message: expect.stringMatching(message) });
  });
});
