import type { Findings, Nemesis } from './nemesis.ts';

const MOST_SHOWN = 20;

export function renderVerdict({ name, promise }: Nemesis, { violations, figures }: Findings, tookSeconds: number): string {
  const verdict = violations.length === 0 ? 'kept' : `BROKEN, ${violations.length} times`;
  const lines = [
    `\n${name}: ${verdict} (${tookSeconds.toFixed(0)} s)`,
    `  ${promise}`,
    ...Object.entries(figures).map(([figure, value]) => `  ${figure}: ${value}`),
    ...violations.slice(0, MOST_SHOWN).map((violation) => `  ! ${violation}`),
    ...(violations.length > MOST_SHOWN ? [`  ! and ${violations.length - MOST_SHOWN} more`] : []),
  ];
  return `${lines.join('\n')}\n`;
}
