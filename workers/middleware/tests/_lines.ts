import { LogLine } from '@rubot/contracts/log';

/** The log of a Worker while it runs. */
export interface LineCollector {
  readonly lines: readonly LogLine[];
  /** What is not an envelope: in a test, a defect. */
  readonly noise: readonly string[];
  onLine(text: string): void;
  onNoise(text: string): void;
  /** Resolves with the first line that fits, one that came already included; the test's own time limit ends the wait. */
  waitFor(fits: (line: LogLine) => boolean): Promise<LogLine>;
}

export function createLineCollector(): LineCollector {
  const lines: LogLine[] = [];
  const noise: string[] = [];
  const offers = new Set<(line: LogLine) => void>();
  return {
    lines,
    noise,
    onLine(text) {
      const line = LogLine.parse(JSON.parse(text));
      lines.push(line);
      for (const offer of offers) offer(line);
    },
    onNoise: (text) => void noise.push(text),
    waitFor(fits) {
      const known = lines.find(fits);
      if (known !== undefined) return Promise.resolve(known);
      return new Promise((resolve) => {
        offers.add(function offer(line) {
          if (!fits(line)) return;
          offers.delete(offer);
          resolve(line);
        });
      });
    },
  };
}
