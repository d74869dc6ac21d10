import { describe, expect, it } from 'vitest';
import { judgeSecret } from './judge-secret.ts';

const secret = { from: 'gateway', to: 'middleware', name: 'KEY', breaks: 'Everything fails.' };

describe('the verdict on a secret', () => {
  it.each([
    [{ KEY: 'current' }, 'ok', /the same in both/, undefined],
    [{ KEY: 'current', KEY_PREVIOUS: 'previous' }, 'ok', /the same in both/, undefined],
    [
      { KEY: 'previous' },
      'warning',
      /the middleware has the new value/,
      /Give the gateway the new value, with the former one as KEY_PREVIOUS/,
    ],
    [{ KEY: 'differs' }, 'problem', /none that the middleware accepts/, /Everything fails\. Give the middleware the value/],
    [{ KEY: 'differs', KEY_PREVIOUS: 'differs' }, 'problem', /none that the middleware accepts/, /Everything fails/],
    [
      { KEY: 'differs', KEY_PREVIOUS: 'current' },
      'problem',
      /the gateway has been given a new value/,
      /and the one it has now as KEY_PREVIOUS/,
    ],
    [{ KEY: 'differs', KEY_PREVIOUS: 'previous' }, 'problem', /each been given a new value, and not the same/, /Give the middleware/],
    [{ KEY: 'absent' }, 'problem', /has no KEY/, /another service/],
    [{}, 'problem', /KEY differs/, /Everything fails/],
    [{ KEY: 'a verdict of the future' }, 'problem', /KEY differs/, /Everything fails/],
  ])('for %j is %s', (answers, status, message, consequence) => {
    const finding = judgeSecret(secret, answers);
    expect(finding).toMatchObject({ check: 'secret', subject: 'gateway → middleware', status, message: expect.stringMatching(message) });
    if (consequence === undefined) expect(finding.consequence).toBeUndefined();
    else expect(finding.consequence).toMatch(consequence);
  });
});
