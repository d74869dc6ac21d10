import type { Finding } from '@rubot/contracts/diagnosis';
import { createColors } from 'picocolors';
import { toPrintable } from '../print-line.ts';

export interface RenderOptions {
  readonly color: boolean;
  readonly width: number;
}

const STATUS_WIDTH = 'problem'.length;
const GAP = '  ';

/** A table of what was found, by pairs of services in the order in which they were looked at; what to do stands below its row. */
export function renderFindings(findings: readonly Finding[], { color, width }: RenderOptions): string {
  const colors = createColors(color);
  const paint = { ok: colors.green, warning: colors.yellow, problem: colors.red, skipped: colors.dim };
  const checkWidth = Math.max(0, ...findings.map(({ check }) => check.length));
  const indent = ' '.repeat(GAP.length + STATUS_WIDTH + GAP.length + checkWidth + GAP.length);

  function renderFinding({ check, status, message, consequence }: Finding): string {
    const head = `${GAP}${paint[status](status.padEnd(STATUS_WIDTH))}${GAP}${check.padEnd(checkWidth)}${GAP}`;
    const [first = '', ...rest] = wrap(message, width - indent.length);
    const below = [...rest, ...(consequence === undefined ? [] : wrap(consequence, width - indent.length))];
    return [head + first, ...below.map((line) => indent + line)].join('\n');
  }

  const groups = Map.groupBy(findings, ({ subject }) => subject);
  return [...groups].map(([subject, rows]) => [colors.bold(subject), ...rows.map(renderFinding)].join('\n')).join('\n\n');
}

const MIN_COLUMN = 40;

function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of toPrintable(text).split(' ')) {
    if (line !== '' && line.length + 1 + word.length > Math.max(width, MIN_COLUMN)) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/** `2 problems, 1 warning, 14 ok` */
export function summarize(findings: readonly Finding[]): string {
  const count = (wanted: Finding['status']) => findings.filter(({ status }) => status === wanted).length;
  const parts = [
    [count('problem'), 'problem', 'problems'],
    [count('warning'), 'warning', 'warnings'],
    [count('ok'), 'ok', 'ok'],
    [count('skipped'), 'not looked at', 'not looked at'],
  ] as const;
  return parts
    .filter(([number]) => number > 0)
    .map(([number, one, many]) => `${number} ${number === 1 ? one : many}`)
    .join(', ');
}
