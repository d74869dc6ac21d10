import type { BatchResponse } from 'drizzle-orm/batch';
import type { Database } from './database.ts';
import { selectToolPolicy, type ToolPolicyRow } from './tenant-access.ts';
import type { TenantData } from './tenant-data.ts';

/** @throws RubotError `forbidden` when the tool is not open to the caller */
export type Judge = (rows: readonly ToolPolicyRow[]) => void;

/**
 * The data for one call of a tool: gives nothing away, and changes nothing, before the tool was found to be open. That is asked in
 * the round trip of whatever the tool reads first, so that it costs none of its own.
 */
export function guardData(data: TenantData, toolName: string, judge: Judge): TenantData {
  let isOpen = false;

  const guarded: TenantData = {
    tenantId: data.tenantId,
    async read(build) {
      if (isOpen) return data.read(build);
      const [policy, ...results] = await data.read((database: Database) => [
        selectToolPolicy(database, data.tenantId, toolName),
        ...build(database),
      ]);
      judge(policy);
      isOpen = true;
      return results as BatchResponse<ReturnType<typeof build>>;
    },
    async commit(build) {
      await guarded.assertBound();
      await data.commit(build);
    },
    async beginEffect(call) {
      await guarded.assertBound();
      await data.beginEffect(call);
    },
    // What has happened has happened.
    settleEffect: (call, settlement) => data.settleEffect(call, settlement),
    async assertBound() {
      if (!isOpen) await guarded.read(() => []);
    },
    async findEffect(idempotencyKey) {
      await guarded.assertBound();
      return data.findEffect(idempotencyKey);
    },
  };
  return guarded;
}
