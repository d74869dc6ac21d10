import { createReadStream } from 'node:fs';
import { RubotError } from '@rubot/errors';

/** Lines end with a line feed and with nothing else; `node:readline` would end them at characters that JSON holds as they are. */
export async function* readFileLines(path: string, shownAs: string): AsyncGenerator<string, void, undefined> {
  let rest = '';
  try {
    for await (const chunk of createReadStream(path, 'utf8')) {
      const lines = `${rest}${chunk}`.split('\n');
      rest = lines.pop() ?? '';
      yield* lines.filter((line) => line !== '');
    }
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause)) throw cause;
    throw new RubotError('invalid_request', `${shownAs} cannot be read: ${cause.message}`, { cause });
  }
  if (rest !== '') yield rest;
}
