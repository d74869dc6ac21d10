import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COLUMN_TYPES, fromStored, inferType, toCell } from './cells.ts';

describe('toCell', () => {
  it.each([
    ['number', '12', 12],
    ['number', '-0.50', -0.5],
    ['number', '1e3', 1_000],
    ['number', '007', undefined],
    ['number', '1,000', undefined],
    ['number', '0x10', undefined],
    ['number', 'Infinity', undefined],
    ['number', '1e999', undefined],
    ['number', '9007199254740993', undefined],
    ['number', true, undefined],
    ['boolean', 'TRUE', true],
    ['boolean', false, false],
    ['boolean', 1, undefined],
    ['boolean', 'yes', undefined],
    ['date', '2026-02-28', '2026-02-28'],
    ['date', '2026-02-29', undefined],
    ['date', '2024-02-29', '2024-02-29'],
    ['date', '2026-02-28T10:00', '2026-02-28T10:00:00Z'],
    ['date', '2026-02-28 10:00:00', '2026-02-28T10:00:00Z'],
    ['date', '2026-02-28T10:00:00.25+02:00', '2026-02-28T08:00:00.250Z'],
    ['date', '28.02.2026', undefined],
    ['date', 20_260_228, undefined],
    ['text', 12, '12'],
    ['text', 'a\ud800', 'a\ufffd'],
    ['text', ['x'], undefined],
    ['text', { a: 1 }, undefined],
  ] as const)('reads as %s: %j', (type, value, cell) => {
    expect(toCell(value, type)).toBe(cell);
  });

  it.each(COLUMN_TYPES)('takes nothing and empty text as an empty %s', (type) => {
    expect([null, undefined, ''].map((value) => toCell(value, type))).toEqual([null, null, null]);
  });

  it('reads what it has read to the same', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary' }), fc.double({ noNaN: true }), fc.boolean()),
        fc.constantFrom(...COLUMN_TYPES),
        (value, type) => {
          const cell = toCell(value, type);
          if (cell !== undefined) expect(toCell(cell, type)).toBe(cell);
        },
      ),
    );
  });
});

describe('fromStored', () => {
  it('gives booleans back, and an empty cell of any type', () => {
    expect([fromStored(1, 'boolean'), fromStored(0, 'boolean'), fromStored(null, 'boolean'), fromStored(1, 'number')]).toEqual([
      true,
      false,
      null,
      1,
    ]);
  });
});

describe('inferType', () => {
  it.each([
    [['1', '2.5', ''], 'number'],
    [['1', 'x'], 'text'],
    [['true', 'False'], 'boolean'],
    [['2026-01-01', '2026-01-01T10:00:00Z'], 'date'],
    [['2026-01-01', '1'], 'text'],
    [['0123', '0456'], 'text'],
    [['', ''], 'text'],
    [[], 'text'],
  ] as const)('of %j', (values, type) => {
    expect(inferType(values)).toBe(type);
  });
});
