import { createColors } from 'picocolors';
import { type CliContext, wantsColor } from '../context.ts';

export interface Report {
  pass(text: string): void;
  skip(text: string): void;
}

/** One line a check, as it is done. */
export function createReport(context: CliContext): Report {
  const colors = createColors(wantsColor(context));
  return {
    pass: (text) => void context.stdout.write(`${colors.green('ok')}    ${text}\n`),
    skip: (text) => void context.stdout.write(`${colors.yellow('skip')}  ${text}\n`),
  };
}
