import type { Finding } from '@rubot/contracts/diagnosis';

/** What was looked at: a check, and of whom. */
export interface Looked {
  readonly check: string;
  /** Such as `gateway → middleware`. */
  readonly subject: string;
}

export function ok({ check, subject }: Looked, message: string): Finding {
  return { check, subject, status: 'ok', message };
}

/** @param consequence what breaks if it ships as it is, and what to do */
export function warning({ check, subject }: Looked, message: string, consequence: string): Finding {
  return { check, subject, status: 'warning', message, consequence };
}

/** @param consequence what breaks if it ships as it is, and what to do */
export function problem({ check, subject }: Looked, message: string, consequence: string): Finding {
  return { check, subject, status: 'problem', message, consequence };
}

/** @param message what was not looked at, and why */
export function skipped({ check, subject }: Looked, message: string): Finding {
  return { check, subject, status: 'skipped', message };
}
