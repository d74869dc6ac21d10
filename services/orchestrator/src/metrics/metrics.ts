import { collectDefaultMetrics, Registry } from 'prom-client';
import type { QueueFigures } from '../runs/postgres/queue-figures.ts';
import { registerClusterGauges } from './cluster-gauges.ts';
import { createFiguresReader } from './figures-reader.ts';
import { type ProcessState, registerProcessGauges } from './process-gauges.ts';
import { createRunMetrics, type RunMetrics } from './run-metrics.ts';

export interface Metrics {
  readonly runs: RunMetrics;
  readonly contentType: string;
  /** Everything as Prometheus reads it. */
  render(): Promise<string>;
}

export interface MetricsOptions extends ProcessState {
  readonly readFigures: () => Promise<QueueFigures>;
  /** False where nobody can read them: then the process is not watched for them. */
  readonly isScraped: boolean;
}

export function createMetrics({ readFigures, isScraped, ...process }: MetricsOptions): Metrics {
  const registry = new Registry();
  if (isScraped) collectDefaultMetrics({ register: registry });
  registerProcessGauges(registry, process);
  registerClusterGauges(registry, createFiguresReader(readFigures));
  return { runs: createRunMetrics(registry), contentType: registry.contentType, render: () => registry.metrics() };
}
