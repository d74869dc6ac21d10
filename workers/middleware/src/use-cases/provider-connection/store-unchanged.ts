import { RubotError } from '@rubot/errors';
import type { MiddlewareDeps } from '../../deps.ts';
import type { Auditing } from '../../store/audit/auditing.ts';
import { isBrokenPrecondition } from '../../store/audit/require-that.ts';
import type { ConnectionChange, ConnectionRow } from '../../store/connections.ts';

/** @throws RubotError `conflict` when another change was quicker */
export async function storeUnchanged({ store }: MiddlewareDeps, auditing: Auditing, change: ConnectionChange): Promise<ConnectionRow> {
  try {
    return await store.connections.save(auditing, change);
  } catch (thrown) {
    if (!isBrokenPrecondition(thrown)) throw thrown;
    throw new RubotError('conflict', 'This connection was changed by somebody else meanwhile. Look at it, then try again.', {
      cause: thrown,
    });
  }
}
