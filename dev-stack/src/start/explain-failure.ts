import { RubotError } from '@rubot/errors';
import { StackError } from '../stack/stack-error.ts';

const ADVICE: ReadonlyMap<unknown, string> = new Map([
  ['ENOSPC', 'There is no space left on the disk. Free some, then run npm start again.'],
  ['EDQUOT', 'The disk quota is used up. Free some space, then run npm start again.'],
  ['EACCES', 'The folder .rubot cannot be written. Make it yours, or delete it, then run npm start again.'],
  ['EPERM', 'The folder .rubot cannot be written. Make it yours, or delete it, then run npm start again.'],
  ['EROFS', 'The checkout is on a file system that cannot be written. Move it to one that can.'],
  ['EMFILE', 'This shell may open too few files. Raise the limit with: ulimit -n 4096'],
]);

/** One line that says what to do; a stack trace only for what is our own mistake. */
export function explainFailure(thrown: unknown): string {
  if (thrown instanceof StackError || RubotError.is(thrown)) return thrown.message;
  if (!(thrown instanceof Error)) return String(thrown);
  const advice = 'code' in thrown ? ADVICE.get(thrown.code) : undefined;
  if (advice !== undefined) return `${advice} (${thrown.message})`;
  return thrown.stack ?? thrown.message;
}
