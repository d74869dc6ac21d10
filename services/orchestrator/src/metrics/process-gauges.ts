import { SLOT_TYPES } from '@rubot/contracts/agent';
import { Gauge, type Registry } from 'prom-client';
import type { Slots } from '../queue/slots.ts';
import type { PoolUse } from '../runs/postgres/database.ts';

export interface ProcessState {
  readonly slots: Slots;
  readonly poolUse: () => PoolUse;
}

/** What this process has, and how much of it is in use; read when it is asked for. */
export function registerProcessGauges(registry: Registry, { slots, poolUse }: ProcessState): void {
  const registers = [registry];
  const bySlotType = (name: string, help: string, pick: (type: (typeof SLOT_TYPES)[number]) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['slot_type'],
      registers,
      collect() {
        for (const type of SLOT_TYPES) this.set({ slot_type: type }, pick(type));
      },
    });
  bySlotType('rubot_slots', 'Runs that this process may work on at a time.', (type) => slots.size[type]);
  bySlotType('rubot_slots_used', 'Slots of this process that are taken.', (type) => slots.used(type));
  new Gauge({
    name: 'rubot_database_connections',
    help: 'Connections of this process to the database.',
    labelNames: ['state'],
    registers,
    collect() {
      const { open, idle } = poolUse();
      this.set({ state: 'busy' }, open - idle);
      this.set({ state: 'idle' }, idle);
    },
  });
  new Gauge({
    name: 'rubot_database_connections_max',
    help: 'Most connections that this process may open (DATABASE_POOL_SIZE).',
    registers,
    collect() {
      this.set(poolUse().max);
    },
  });
  new Gauge({
    name: 'rubot_database_connection_waiters',
    help: 'Statements and transactions of this process that wait for a connection.',
    registers,
    collect() {
      this.set(poolUse().waiting);
    },
  });
}
