import { z } from 'zod';

/** Where a running local stack tells the tools of its checkout how to reach it, relative to the checkout. */
export const DEV_FILE_PATH = '.rubot/dev.json';

/** Readable by its owner only, as it holds the keys of the local stack; those open nothing else. */
export const DevFile = z.looseObject({
  /** The process of the stack; it may have ended since, while its log stays. */
  pid: z.number().int(),
  gateway_url: z.url(),
  middleware_url: z.url(),
  orchestrator_url: z.url(),
  agents: z.record(z.string(), z.url()),
  keys: z.record(z.string(), z.string()),
  demo: z.looseObject({ tenant_id: z.string(), sender_id: z.string(), session_id: z.string() }),
  /** An API token of the demo tenant, with which any OpenAI client needs nothing but itself and the URL. */
  demo_token: z.string().optional(),
  log_file: z.string(),
});
export type DevFile = z.infer<typeof DevFile>;
