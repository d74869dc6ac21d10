import { randomBytes } from 'node:crypto';

/** The secrets of the services; the names are those of their variables. The last opens the stack's own database. */
const KEY_NAMES = [
  'GATEWAY_API_KEY',
  'ADMIN_API_KEY',
  'ORCHESTRATOR_API_KEY',
  'MIDDLEWARE_API_KEY',
  'BEARER_SIGNING_SECRET',
  'ENCRYPTION_SECRET',
  'METRICS_API_KEY',
  'POSTGRES_PASSWORD',
] as const;

export type StackKeys = Readonly<Record<(typeof KEY_NAMES)[number], string>>;

/** Keeps the keys that there are, so that a client of yesterday's stack works today, and makes those that are missing. */
export function completeKeys(known: Readonly<Record<string, string>>): StackKeys {
  const entries = KEY_NAMES.map((name) => [name, known[name] ?? randomBytes(32).toString('hex')]);
  return Object.fromEntries(entries) as Record<(typeof KEY_NAMES)[number], string>;
}
