import type { Orchestrator } from './_harness.ts';

export const METRICS_KEY = 'mT5xQ8wR2nL6vB9cK3jH7gF1dS4aZ0pY';

/** Every sample by its name and labels, as `name{label="value"}`; throws for a line that Prometheus would not read. */
export type Samples = ReadonlyMap<string, number>;

export async function scrape({ url }: Pick<Orchestrator, 'url'>): Promise<Samples> {
  const response = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${METRICS_KEY}` } });
  if (response.status !== 200) throw new Error(`status ${response.status}: ${await response.text()}`);
  return parseSamples(await response.text());
}

const SAMPLE = /^(?<series>[a-z_][a-z0-9_]*(?:\{[a-z_]+="[^"\\\n]*"(?:,[a-z_]+="[^"\\\n]*")*\})?) (?<value>\S+)$/;

export function parseSamples(text: string): Samples {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const { series = '', value = '' } = SAMPLE.exec(line)?.groups ?? {};
      if (series === '' || (Number.isNaN(Number(value)) && !/^nan$/i.test(value))) throw new Error(`not a sample: ${line}`);
      return [series, Number(value)] as const;
    }),
  );
}
