import { z } from 'zod';

export const COLUMN_TYPES = ['text', 'number', 'boolean', 'date'] as const;
export type ColumnType = (typeof COLUMN_TYPES)[number];

/** `null` is an empty cell. A date is ISO text, which compares as text. */
export type Cell = string | number | boolean | null;

/** No leading zeros: `00123` is a code and not a number. */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d{1,3})?$/i;
const IsoDate = z.iso.date();
const IsoDateTime = z.iso.datetime({ offset: true, local: true });

const READERS: Readonly<Record<ColumnType, (value: string | number | boolean) => Cell | undefined>> = {
  text: (value) => String(value).toWellFormed(),
  number: toNumber,
  boolean: toBoolean,
  date: toDate,
};

/** The value as a cell of that type; `undefined` when it does not fit. Nothing and empty text are an empty cell. */
export function toCell(value: unknown, type: ColumnType): Cell | undefined {
  if (value === null || value === undefined || value === '') return null;
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return undefined;
  return READERS[type](value);
}

/** A cell as SQLite gives it back, which has no booleans. */
export function fromStored(value: unknown, type: ColumnType): Cell {
  if (value === null || value === undefined) return null;
  if (type === 'boolean') return value === 1;
  return typeof value === 'number' ? value : String(value);
}

/** The narrowest type that every filled cell of a column fits. */
export function inferType(values: readonly string[]): ColumnType {
  const filled = values.filter((value) => value !== '');
  if (filled.length === 0) return 'text';
  const narrow = (['number', 'boolean', 'date'] as const).find((type) => filled.every((value) => toCell(value, type) !== undefined));
  return narrow ?? 'text';
}

function toNumber(value: string | number | boolean): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value !== 'string' || !NUMBER.test(value)) return undefined;
  const number = Number(value);
  // A longer integer, such as a card's number, would lose its last digits.
  const isExact = !/^-?\d+$/.test(value) || Number.isSafeInteger(number);
  return Number.isFinite(number) && isExact ? number : undefined;
}

function toBoolean(value: string | number | boolean): boolean | undefined {
  if (typeof value === 'boolean') return value;
  const word = String(value).toLowerCase();
  if (word === 'true') return true;
  return word === 'false' ? false : undefined;
}

/** A moment is kept in UTC; one that names no zone is taken to be in UTC. */
function toDate(value: string | number | boolean): string | undefined {
  if (typeof value !== 'string') return undefined;
  if (IsoDate.safeParse(value).success) return value;
  const text = value.replace(' ', 'T');
  if (!IsoDateTime.safeParse(text).success) return undefined;
  const hasZone = /(?:Z|[+-]\d\d:?\d\d)$/i.test(text);
  const moment = new Date(hasZone ? text : `${text}Z`);
  return Number.isNaN(moment.getTime()) ? undefined : moment.toISOString().replace('.000Z', 'Z');
}
