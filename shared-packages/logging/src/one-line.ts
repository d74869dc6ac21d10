/** Line ends of Unicode, at which readers of lines stop as well, and control codes that a terminal obeys: JSON lets them stand. */
const UNSAFE = /[\u007f-\u009f\u2028\u2029]/g;

/** The same JSON, in which nothing but its own end looks like the end of a line to anybody. */
export function toOneLine(json: string): string {
  return json.replace(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
