import type { SlotType } from '@rubot/contracts/agent';
import { sql } from 'drizzle-orm';
import type { Slots } from '../../queue/slots.ts';
import type { Executor } from './database.ts';
import { orUnavailable } from './failures.ts';
import { toJson } from './store-context.ts';

/** What a process says of itself. */
export interface WorkerRecord {
  readonly workerId: string;
  readonly role: string;
  readonly slots: Readonly<Record<SlotType, { readonly size: number; readonly used: number }>>;
}

export function countSlots({ size, used }: Slots): WorkerRecord['slots'] {
  return { cpu: { size: size.cpu, used: used('cpu') }, gpu: { size: size.gpu, used: used('gpu') } };
}

export async function tellWorker(executor: Executor, { workerId, role, slots }: WorkerRecord): Promise<void> {
  await orUnavailable(() =>
    executor.execute(sql`
      INSERT INTO workers (worker_id, role, slots) VALUES (${workerId}, ${role}, ${toJson(slots)}::json)
      ON CONFLICT (worker_id) DO UPDATE SET slots = excluded.slots, seen_at = now()`),
  );
}

export async function forgetWorker(executor: Executor, workerId: string): Promise<void> {
  await orUnavailable(() => executor.execute(sql`DELETE FROM workers WHERE worker_id = ${workerId}`));
}
