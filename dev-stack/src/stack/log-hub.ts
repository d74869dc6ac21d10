import type { LogLine } from '@rubot/contracts/log';
import { buildTrace } from '@rubot/traces/build-trace';
import { checkCompleteness } from '@rubot/traces/check-completeness';
import { parseLogText } from '@rubot/traces/parse-lines';
import type { Trace } from '@rubot/traces/trace';

export interface WaitOptions {
  readonly timeoutMs?: number;
}

/** The lines of all services as they come. */
export interface LogHub {
  accept(text: string): void;
  linesOf(traceId: string): readonly LogLine[];
  /** The first line, from now on or among those kept, that a predicate holds for. */
  waitForLine(isWanted: (line: LogLine) => boolean, options?: WaitOptions): Promise<LogLine>;
  /** A trace as soon as a predicate holds for it; by default, when no hop is missing. */
  waitForTrace(traceId: string, isWanted?: (trace: Trace) => boolean, options?: WaitOptions): Promise<Trace>;
}

const MAX_LINES = 20_000;
const DEFAULT_TIMEOUT_MS = 10_000;

type Listener = (line: LogLine) => void;

export function createLogHub(): LogHub {
  const lines: LogLine[] = [];
  const listeners = new Set<Listener>();

  function linesOf(traceId: string): readonly LogLine[] {
    return lines.filter((line) => line.trace_id === traceId);
  }

  /** Asks again at every line that comes; nothing is polled. */
  function waitFor<T>(look: (line: LogLine | undefined) => T | undefined, describe: () => string, { timeoutMs }: WaitOptions): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const timer = setTimeout(() => reject(new Error(describe())), timeoutMs ?? DEFAULT_TIMEOUT_MS);
    function listen(line?: LogLine): void {
      const found = look(line);
      if (found !== undefined) resolve(found);
    }
    listeners.add(listen);
    listen();
    return promise.finally(() => {
      clearTimeout(timer);
      listeners.delete(listen);
    });
  }

  return {
    linesOf,
    accept(text) {
      for (const line of parseLogText(text)) {
        lines.push(line);
        for (const listener of listeners) listener(line);
      }
      if (lines.length > MAX_LINES) lines.splice(0, MAX_LINES / 2);
    },
    waitForLine(isWanted, options = {}) {
      const look = (line: LogLine | undefined) => (line === undefined ? lines.find(isWanted) : isWanted(line) ? line : undefined);
      return waitFor(look, () => 'The line that was waited for did not come.', options);
    },
    waitForTrace(traceId, isWanted = isComplete, options = {}) {
      function look(line: LogLine | undefined): Trace | undefined {
        if (line !== undefined && line.trace_id !== traceId) return undefined;
        const trace = buildTrace(traceId, linesOf(traceId));
        return isWanted(trace) ? trace : undefined;
      }
      return waitFor(look, () => describeTrace(buildTrace(traceId, linesOf(traceId))), options);
    },
  };
}

function isComplete(trace: Trace): boolean {
  return checkCompleteness(trace).length === 0;
}

function describeTrace(trace: Trace): string {
  const problems = checkCompleteness(trace);
  const state = problems.length === 0 ? 'It is complete, but not as was asked.' : problems.join('; ');
  return `Trace ${trace.traceId} did not become what was waited for. ${state}`;
}
