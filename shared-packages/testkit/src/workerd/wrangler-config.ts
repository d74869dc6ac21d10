import { readFile } from 'node:fs/promises';
import { parse } from 'jsonc-parser';
import { z } from 'zod';

/** What a local run takes from `wrangler.jsonc`, so that both run the same Worker in the same way. */
const WranglerConfig = z.looseObject({
  name: z.string(),
  main: z.string(),
  compatibility_date: z.string(),
  compatibility_flags: z.array(z.string()).default([]),
  services: z.array(z.looseObject({ binding: z.string(), service: z.string() })).default([]),
  d1_databases: z
    .array(z.looseObject({ binding: z.string(), database_name: z.string(), migrations_dir: z.string().default('migrations') }))
    .default([]),
});
export type WranglerConfig = z.infer<typeof WranglerConfig>;

/** @param directory of the Worker, with a closing slash */
export async function readWranglerConfig(directory: URL): Promise<WranglerConfig> {
  const text = await readFile(new URL('wrangler.jsonc', directory), 'utf8');
  return WranglerConfig.parse(parse(text));
}
