import type { Finding } from '@rubot/contracts/diagnosis';
import { ok, problem, warning } from './finding.ts';

export interface MigrationsToJudge {
  /** Such as `middleware → D1`. */
  readonly subject: string;
  /** By name, in order. */
  readonly known: readonly string[];
  readonly applied: readonly string[];
  /** How what is missing is applied. */
  readonly remedy: string;
}

/** Whether the database has the schema that this build was written for. */
export function judgeMigrations({ subject, known, applied, remedy }: MigrationsToJudge): Finding {
  const looked = { check: 'migrations', subject };
  const missing = known.filter((name) => !applied.includes(name));
  if (missing.length > 0) {
    return problem(looked, `not applied: ${missing.join(', ')}`, `Requests that need these tables or columns fail with 500. ${remedy}`);
  }
  const unknown = applied.filter((name) => !known.includes(name));
  if (unknown.length === 0) return ok(looked, `all ${known.length} migrations are applied`);
  return warning(
    looked,
    `applied by a newer version: ${unknown.join(', ')}`,
    'This build is older than its database, as after a rollback. Migrations only ever add, so that it works; deploy the newer version when you can.',
  );
}
