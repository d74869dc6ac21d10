import { findRun, readWords, toStems, type Word } from './words.ts';

/** Words from `from` up to `to`, without it. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface Found extends Span {
  readonly groups: readonly (string | undefined)[];
}

/**
 * A question that rules read word by word. What no rule has read at the end was not understood, and must not be passed
 * over in silence.
 */
export interface Question {
  readonly text: string;
  readonly words: readonly Word[];
  isUnread(span: Span): boolean;
  read(span: Span): void;
  /** Every place where `pattern` fits; words that were read before are left out. */
  findAll(pattern: RegExp): readonly Found[];
  /** Reads `pattern` where it first fits. */
  take(pattern: RegExp): Found | undefined;
  /** Every place where words stand side by side, read or not. */
  spansOf(stems: readonly string[]): readonly Span[];
  /** Places of words that no rule has read, without those that change no meaning. */
  openWords(): readonly number[];
  quote(span: Span): string;
}

/** Whether they stand in a question or not, it asks for the same. Words such as "not", "or" and "without" are none of these. */
const EMPTY_WORDS: ReadonlySet<string> = new Set(
  toStems(
    'a about all also am an and any are as at be been by can could currently did display do does entry exist find for from get give had has have hello hey hi i in into is it its just list look made make me my need now of on only our ours place placed please print record row s see show still table tell thank thanks that the their them there these they this those to us want was we were what where which who whose will with would you',
  ),
);

export function createQuestion(text: string): Question {
  const words = readWords(text);
  const readPlaces = new Set<number>();

  const question: Question = {
    text,
    words,
    isUnread: ({ from, to }) => placesOf({ from, to }).every((place) => !readPlaces.has(place)),
    read(span) {
      for (const place of placesOf(span)) readPlaces.add(place);
    },
    findAll(pattern) {
      return [...text.matchAll(new RegExp(pattern.source, 'giu'))]
        .map((match) => ({ ...spanOf(words, match.index, match.index + match[0].length), groups: match.slice(1) }))
        .filter((span) => span.to > span.from && question.isUnread(span));
    },
    take(pattern) {
      const [first] = question.findAll(pattern);
      if (first !== undefined) question.read(first);
      return first;
    },
    spansOf(stems) {
      const all = words.map((word) => word.stem);
      return all.flatMap((_, from) => {
        const to = from + stems.length;
        return findRun(all.slice(from, to), stems) === 0 ? [{ from, to }] : [];
      });
    },
    openWords: () => words.flatMap((word, place) => (readPlaces.has(place) || EMPTY_WORDS.has(word.stem) ? [] : [place])),
    quote: ({ from, to }) => text.slice(words[from]?.start, words[to - 1]?.end),
  };
  return question;
}

/** Whether only words that change no meaning stand in between. */
export function isEmptyWord({ stem }: Word): boolean {
  return EMPTY_WORDS.has(stem);
}

function placesOf({ from, to }: Span): readonly number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, offset) => from + offset);
}

function spanOf(words: readonly Word[], start: number, end: number): Span {
  const from = words.findIndex((word) => word.end > start);
  if (from < 0) return { from: 0, to: 0 };
  const to = words.findIndex((word) => word.start >= end);
  return { from, to: to < 0 ? words.length : to };
}
