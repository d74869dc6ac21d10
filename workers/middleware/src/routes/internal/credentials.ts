import type { Handler } from 'hono';
import type { MiddlewareEnv } from '../../context.ts';
import type { MiddlewareDeps } from '../../deps.ts';
import { reencryptCredentials } from '../../use-cases/credential/reencrypt.ts';

/** `POST /internal/credentials/reencrypt`: one page; asked again until nothing remains. */
export function reencryptHandler(deps: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async function reencrypt(c) {
    const report = await reencryptCredentials(deps, c.get('auditing'));
    c.get('span').log('credentials.reencrypted', { extra: report });
    return c.json(report);
  };
}
