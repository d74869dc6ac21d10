import { EnvironmentError } from '@rubot/config/parse-env';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createWorkerFetch } from './worker-entry.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

const REQUEST = 'http://worker.test/';

describe('createWorkerFetch', () => {
  it('builds the app once for an environment, also for requests that come at the same time', async () => {
    const build = vi.fn(async ({ name }: { name: string }) => ({ fetch: () => new Response(name) }));
    const fetchFromApp = createWorkerFetch({ service: 'rubot-test', build });
    const env = { name: 'first' };
    const ask = async (of: { name: string }) => (await fetchFromApp(new Request(REQUEST), of)).text();
    expect(await Promise.all([ask(env), ask(env), ask(env)])).toEqual(['first', 'first', 'first']);
    expect(await ask(env)).toBe('first');
    expect(build).toHaveBeenCalledTimes(1);
  });

  it('builds another for another environment, which outlives no deployment that changes a binding', async () => {
    const build = vi.fn(async ({ name }: { name: string }) => ({ fetch: () => new Response(name) }));
    const fetchFromApp = createWorkerFetch({ service: 'rubot-test', build });
    const [first, second] = [{ name: 'first' }, { name: 'second' }];
    for (const env of [first, second, first, second]) {
      expect(await (await fetchFromApp(new Request(REQUEST), env)).text()).toBe(env.name);
    }
    expect(build).toHaveBeenCalledTimes(2);
  });

  it('refuses every request of one that is not configured, and names to the operator alone what is wrong', async () => {
    const written = vi.spyOn(console, 'log').mockImplementation(() => {});
    const build = () => Promise.reject(new EnvironmentError('rubot-test', ['ADMIN_API_KEY is missing']));
    const fetchFromApp = createWorkerFetch({ service: 'rubot-test', build });
    const response = await fetchFromApp(new Request(REQUEST), {});
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({ error: { code: 'misconfigured' } });
    expect(text).not.toContain('ADMIN_API_KEY');
    expect(written.mock.calls.join()).toContain('ADMIN_API_KEY');
  });
});
