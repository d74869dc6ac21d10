import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseJson } from '@rubot/contracts/parse-json';
import { RubotError } from '@rubot/errors';
import type { CliContext } from './context.ts';

/** @throws RubotError `invalid_request` in words for the person who runs the command */
export async function readJsonFile({ workingDirectory }: CliContext, path: string): Promise<unknown> {
  const text = await readFile(resolve(workingDirectory, path), 'utf8').catch((cause: unknown) => {
    throw new RubotError('invalid_request', `${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  });
  const value = parseJson(text);
  if (value === undefined) throw new RubotError('invalid_request', `${path} is not JSON.`);
  return value;
}
