import { RubotError } from '@rubot/errors';

/** Cloudflare's rate-limit binding. */
export interface RateLimitBinding {
  limit(options: { readonly key: string }): Promise<{ readonly success: boolean }>;
}

/** Keeps floods from the services behind: counted per location and never exactly, so that no promise rests on it. */
export interface Shield {
  /** @throws RubotError `rate_limited` */
  admit(key: string): Promise<void>;
}

const RETRY_AFTER_MS = 10_000;

/** Without a binding, and with one that fails, everybody is admitted: the limits that count are kept by the orchestrator. */
export function createShield(binding: RateLimitBinding | undefined): Shield {
  async function isAdmitted(key: string): Promise<boolean> {
    try {
      return binding === undefined || (await binding.limit({ key })).success;
    } catch {
      return true;
    }
  }

  return {
    async admit(key) {
      if (await isAdmitted(key)) return;
      throw new RubotError('rate_limited', 'Too many requests come at once from here. Send fewer, and try again in some seconds.', {
        retryAfterMs: RETRY_AFTER_MS,
      });
    },
  };
}
