import { InvalidArgumentError } from 'commander';

/** A whole number, 0 included: nothing is allowed then. */
export function parseCount(text: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}

/** Such as `2.50`. */
export function parseUsd(text: string): number {
  if (/^\d{1,7}(?:\.\d{1,6})?$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a number of US dollars, such as 2.50.');
}
