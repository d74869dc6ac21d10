import type { DevFile } from '@rubot/contracts/dev-file';
import { createAxiomSource } from '@rubot/traces/axiom';
import { createLocalSource } from '@rubot/traces/node/log-reader';
import type { TraceSource } from '@rubot/traces/source';
import type { CliContext } from './context.ts';
import type { CliConfig } from './env.ts';

/** A source, and what is known of lines that are still on their way to it. */
export interface PolledSource extends TraceSource {
  readonly pollIntervalMs: number;
  /** How long to wait for a line before it is taken for lost. */
  readonly patienceMs: number;
}

const LOCAL = { pollIntervalMs: 100, patienceMs: 10_000 };
/** Drains of hosts deliver within a minute or two. */
const REMOTE = { pollIntervalMs: 3_000, patienceMs: 120_000 };

export function toLocalSource(devFile: DevFile): PolledSource {
  return { ...createLocalSource(devFile.log_file), ...LOCAL };
}

/** Axiom when it is configured, else the local stack's log store, else nothing. */
export function chooseSource(context: CliContext, config: CliConfig, devFile: DevFile | undefined): PolledSource | undefined {
  if (config.axiom !== undefined) {
    return { ...createAxiomSource({ fetch: context.fetch, ...config.axiom }), ...REMOTE };
  }
  return devFile === undefined ? undefined : toLocalSource(devFile);
}
