import { execFile } from 'node:child_process';
import { join } from 'node:path';

export interface Violation {
  readonly rule: string;
  readonly from: string;
  readonly to: string;
}

export interface CruiseResult {
  /** Paths of the modules that were read, relative to the folder. */
  readonly modules: readonly string[];
  readonly violations: readonly Violation[];
}

interface CruiseReport {
  readonly modules: readonly { readonly source: string }[];
  readonly summary: {
    readonly violations: readonly { readonly rule: { readonly name: string }; readonly from: string; readonly to: string }[];
  };
}

const REPOSITORY = join(import.meta.dirname, '../..');
const MAX_REPORT_BYTES = 256 * 1024 ** 2;

/** Reads every import below the given parts of a folder, and judges them by the rules of the repository. */
export async function cruise(folder: string, parts: readonly string[]): Promise<CruiseResult> {
  const args = ['--config', join(REPOSITORY, '.dependency-cruiser.cjs'), '--output-type', 'json', ...parts];
  const report = await new Promise<CruiseReport>((resolve, reject) => {
    execFile(
      join(REPOSITORY, 'node_modules/.bin/depcruise'),
      args,
      { cwd: folder, maxBuffer: MAX_REPORT_BYTES },
      (_error, stdout, stderr) => {
        // Its status counts violations; whether it ran at all shows in whether there is a report.
        try {
          resolve(JSON.parse(stdout) as CruiseReport);
        } catch (cause) {
          reject(new Error(`dependency-cruiser gave no report: ${stderr}`, { cause }));
        }
      },
    );
  });
  return {
    modules: report.modules.map(({ source }) => source),
    violations: report.summary.violations.map(({ rule, from, to }) => ({ rule: rule.name, from, to })),
  };
}
