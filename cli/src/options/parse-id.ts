import { InvalidArgumentError } from 'commander';
import type { z } from 'zod';

/** A parser of an option that is an id of ours. */
export function parseWith(schema: z.ZodType<string, string>): (text: string) => string {
  return (text) => {
    const result = schema.safeParse(text);
    if (result.success) return result.data;
    throw new InvalidArgumentError(`It ${result.error.issues[0]?.message ?? 'is not valid'}.`);
  };
}
