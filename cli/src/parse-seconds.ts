import { InvalidArgumentError } from 'commander';

const MAX_SECONDS = 3_600;

export function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() !== '' && seconds >= 0 && seconds <= MAX_SECONDS) return seconds;
  throw new InvalidArgumentError(`It must be a number of seconds up to ${MAX_SECONDS}.`);
}
