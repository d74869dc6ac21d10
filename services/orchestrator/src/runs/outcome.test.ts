import { ERROR_CODES } from '@rubot/contracts/error';
import { RubotError } from '@rubot/errors';
import { expect, it } from 'vitest';
import { isTransient } from './outcome.ts';

it('takes for transient what may be gone the next time, and nothing else', () => {
  expect(ERROR_CODES.filter((code) => isTransient(new RubotError(code, 'it failed', { saidByPeer: true })))).toEqual([
    'request_timeout',
    'rate_limited',
    'upstream_failed',
    'stream_interrupted',
    'unavailable',
    'deadline_exceeded',
  ]);
  expect(isTransient(new RubotError('deadline_exceeded', 'our own'))).toBe(false);
});
