/** What the command touches of the outside; tests hand in their own. */
export interface CliContext {
  /** The variables of the process. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
  readonly stdout: CliOutput;
  readonly stderr: CliOutput;
  readonly fetch: typeof globalThis.fetch;
}

export interface CliOutput {
  write(text: string): unknown;
  /** Set on a terminal. */
  readonly columns?: number | undefined;
  readonly isTTY?: boolean | undefined;
}

const WIDTH_WITHOUT_TERMINAL = 120;

export function widthOf(output: CliOutput): number {
  return output.columns ?? WIDTH_WITHOUT_TERMINAL;
}

/** https://no-color.org */
export function wantsColor({ stdout, environment }: CliContext): boolean {
  return stdout.isTTY === true && (environment['NO_COLOR'] ?? '') === '';
}
