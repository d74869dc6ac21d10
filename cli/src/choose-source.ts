import type { DevFile } from '@rubot/contracts/dev-file';
import { createAxiomSource } from '@rubot/traces/axiom';
import { createLocalSource } from '@rubot/traces/node/log-reader';
import type { TraceSource } from '@rubot/traces/source';
import type { CliContext } from './context.ts';
import type { CliConfig } from './env.ts';

/** A source, and how often it may be asked for lines that are still on their way. */
export interface PolledSource extends TraceSource {
  readonly pollIntervalMs: number;
}

const LOCAL_POLL_INTERVAL_MS = 100;
const AXIOM_POLL_INTERVAL_MS = 3_000;

export function toLocalSource(devFile: DevFile): PolledSource {
  return { ...createLocalSource(devFile.log_file), pollIntervalMs: LOCAL_POLL_INTERVAL_MS };
}

/** Axiom when it is configured, else the local stack's log store, else nothing. */
export function chooseSource(context: CliContext, config: CliConfig, devFile: DevFile | undefined): PolledSource | undefined {
  if (config.axiom !== undefined) {
    return { ...createAxiomSource({ fetch: context.fetch, ...config.axiom }), pollIntervalMs: AXIOM_POLL_INTERVAL_MS };
  }
  return devFile === undefined ? undefined : toLocalSource(devFile);
}
