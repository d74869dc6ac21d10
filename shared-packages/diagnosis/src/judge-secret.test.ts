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
      /the gateway uses the value that the middleware has as KEY_PREVIOUS/,
      /until KEY_PREVIOUS is unset at the middleware.*Everything fails/,
    ],
    [{ KEY: 'differs' }, 'problem', /none that the middleware accepts/, /Everything fails\. Give the middleware the value/],
    [{ KEY: 'differs', KEY_PREVIOUS: 'differs' }, 'problem', /none that the middleware accepts/, /Everything fails/],
    [
      { KEY: 'differs', KEY_PREVIOUS: 'current' },
      'problem',
      /the gateway has switched to a value that the middleware does not accept yet/,
      /as its KEY_PREVIOUS/,
    ],
    [{ KEY: 'differs', KEY_PREVIOUS: 'previous' }, 'problem', /have switched to different values/, /Give the middleware/],
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
