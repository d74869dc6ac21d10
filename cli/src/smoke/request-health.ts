import { RubotError } from '@rubot/errors';
import { send } from '../send.ts';
import type { SmokeTarget } from './target.ts';

/** @throws RubotError when `GET /` does not answer `ok` */
export async function requestHealth(fetch: typeof globalThis.fetch, target: SmokeTarget): Promise<void> {
  const { response, text } = await send(fetch, target, '/');
  if (response.status === 200 && text.trim() === 'ok') return;
  throw new RubotError('upstream_failed', `GET ${target.gatewayUrl}/ answered ${response.status} and not "ok". Is it a rubot gateway?`);
}
