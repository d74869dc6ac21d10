import { EnvironmentError } from '@rubot/config/parse-env';
import { describe, expect, it } from 'vitest';
import { ENV } from '../tests/_harness.ts';
import { readGatewayConfig } from './env.ts';

function problemsOf(overrides: Record<string, string>): readonly string[] {
  try {
    readGatewayConfig({ ...ENV, ...overrides });
    return [];
  } catch (error) {
    if (error instanceof EnvironmentError) return error.problems;
    throw error;
  }
}

describe('readGatewayConfig', () => {
  it('takes a whole environment', () => {
    expect(problemsOf({ ENVIRONMENT: 'production', ORCHESTRATOR_URL: 'https://orchestrator.test' })).toEqual([]);
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ['a key that travels in clear', { ENVIRONMENT: 'production' }, /ORCHESTRATOR_URL must be https/],
    [
      'a bearer that ends before its run',
      { BEARER_TTL_SECONDS: '60', REQUEST_TIMEOUT_MS: '900000' },
      /BEARER_TTL_SECONDS must not be less/,
    ],
    ['half of a service token', { CF_ACCESS_CLIENT_ID: 'id.access' }, /must be set together/],
    ['one key behind two doors', { ADMIN_API_KEY: ENV.GATEWAY_API_KEY }, /same value/],
  ])('refuses %s', (_name, overrides, problem) => {
    expect(problemsOf(overrides).join()).toMatch(problem);
  });
});
