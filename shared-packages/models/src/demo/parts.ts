import { createQuestion } from './question.ts';

/** What one question asks, where a message asks several. */
export interface Part {
  readonly text: string;
  /** The words that joined it to the part before, such as "and then". */
  readonly lead: string;
}

const ASKING = 'how|which|what|who|when|where|list|show|count|give|tell|draft|write|translate|summari[sz]e|explain|compute|calculate';
/** Where one part ends and the next begins. "Between A and B" is one. */
const BREAK = new RegExp(
  String.raw`(?<=[?!;.](?=\s|$)|\n)\s*(?:and\s+)?(?:(?:then|also)\b,?\s*)?|,?\s+and\s+(?:(?:then|also)\s+|(?=(?:${ASKING})\b))`,
  'giu',
);
/** What stands for something that was said before. */
const PRONOUN = /\b(?:them|those|these|they|it|its|ones)\b/iu;
const GOES_ON = /^\W*(?:and|only|just|now|then|sort|order by|what about|how about)\b/iu;
const WANTS_ROWS =
  /\b(?:how many|count|list|show|sort(?:ed)?|order|which|see|top|first|latest|newest|oldest|cheapest|most|least|highest|lowest)\b/iu;
const COUNTS = /\b(?:how many|(?:number|count) of|count)\b/giu;

/** The parts of a message, without those that ask for nothing, such as a greeting. */
export function splitParts(text: string): readonly Part[] {
  const breaks = [...text.matchAll(BREAK)].filter(({ index }) => index > 0);
  const ends = [...breaks.map(({ index }) => index), text.length];
  const parts = ends.map((end, index): Part => {
    const lead = breaks[index - 1];
    return { text: text.slice(lead === undefined ? 0 : lead.index + lead[0].length, end).trim(), lead: lead?.[0] ?? '' };
  });
  const asking = parts.filter((part) => createQuestion(part.text).openWords().length > 0);
  return asking.length === 0 ? [{ text: text.trim(), lead: '' }] : asking;
}

/** @param isWhole whether it names what it is about */
export function pointsBack(text: string, isWhole: boolean): boolean {
  return PRONOUN.test(text) || (!isWhole && GOES_ON.test(text));
}

/** Two questions as one: "orders of Kiosk Nord" and "sort them by price". Who counted before and asks for rows now wants rows. */
export function joinQuestions(earlier: string, later: string): string {
  const kept = WANTS_ROWS.test(later) ? earlier.replace(COUNTS, 'which') : earlier;
  return `${kept.replace(/[\s.?!;]+$/u, '')}, ${later}`;
}
