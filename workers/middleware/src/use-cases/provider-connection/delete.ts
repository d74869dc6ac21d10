import type { MiddlewareDeps } from '../../deps.ts';
import type { Auditing } from '../../store/audit/auditing.ts';
import { isBrokenPrecondition } from '../../store/audit/require-that.ts';
import type { ConnectionKey } from '../../store/connections.ts';
import { auditFailures } from '../audit/audit-failures.ts';
import { unknownConnection } from './find.ts';

/** Takes its credential with it. @throws RubotError `not_found` */
export async function deleteConnection({ store }: MiddlewareDeps, auditing: Auditing, key: ConnectionKey): Promise<void> {
  const record = { chain: key.tenantId, action: 'connection.deleted', target: key.providerId };
  await auditFailures(store.audit, auditing, record, async () => {
    try {
      await store.connections.delete(auditing, key);
    } catch (thrown) {
      throw isBrokenPrecondition(thrown) ? unknownConnection(key) : thrown;
    }
  });
}
