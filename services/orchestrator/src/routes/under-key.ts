import type { IdempotencyKey, RunOwner, RunStore } from '../runs/run-store.ts';

/**
 * Makes a change, unless it was made under this key already. The change keeps the key itself, so that there is not the one without the
 * other; of two at once, the one that comes too late fails, and is then found to be the same.
 *
 * @returns true when it was made before. @throws RubotError `idempotency_mismatch`, or the change's own
 */
export async function onceUnderKey(
  runs: Pick<RunStore, 'findByKey'>,
  idempotency: IdempotencyKey | undefined,
  owner: RunOwner,
  change: () => Promise<void>,
): Promise<boolean> {
  const isMade = async () => idempotency !== undefined && (await runs.findByKey(idempotency, owner)) !== undefined;
  if (await isMade()) return true;
  try {
    await change();
    return false;
  } catch (thrown) {
    if (await isMade()) return true;
    throw thrown;
  }
}
