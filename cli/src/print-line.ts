import type { CliOutput } from './context.ts';

/** Controls of terminals, ends of lines, and marks that turn the direction of text: what others have named could hold them. */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** Columns of a table for a person. */
export function printLine(output: CliOutput, ...columns: readonly string[]): void {
  output.write(`${columns.map(toPrintable).join('  ')}\n`);
}

export function toPrintable(text: string): string {
  return text.replaceAll(UNPRINTABLE, (character) => `\\u{${character.charCodeAt(0).toString(16)}}`);
}

/** For programs. */
export function printJson(output: CliOutput, value: unknown): void {
  output.write(`${JSON.stringify(value, null, 2)}\n`);
}
