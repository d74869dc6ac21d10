/** Rotated files kept beside the one that is written. */
export const ROTATED_FILES = 3;

/** `index` 0 is the file that is written, 1 the newest that was rotated away. */
export function toFileName(name: string, index: number): string {
  return index === 0 ? name : `${name}.${index}`;
}
