import type { Logger } from '@rubot/logging';
import type { Loop } from '../background.ts';
import type { ORCHESTRATOR_EVENTS } from '../events.ts';

export interface PresenceOptions {
  readonly tell: () => Promise<void>;
  readonly forget: () => Promise<void>;
  readonly intervalMs: number;
  readonly logger: Logger<typeof ORCHESTRATOR_EVENTS>;
}

/** Lets it be known that this process is there, until it stops. For people who look: nothing is decided by it. */
export function createPresence({ tell, forget, intervalMs, logger }: PresenceOptions): Loop {
  let timer: NodeJS.Timeout | undefined;
  let said: Promise<void> = Promise.resolve();

  function say(what: () => Promise<void>): Promise<void> {
    said = said.then(what).catch((error: unknown) => logger.log('worker.untold', { error }));
    return said;
  }

  return {
    start() {
      void say(tell);
      timer = setInterval(() => void say(tell), intervalMs);
      timer.unref();
    },
    async stop() {
      if (timer === undefined) return;
      clearInterval(timer);
      await say(forget);
    },
  };
}
