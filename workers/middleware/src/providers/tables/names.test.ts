import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toColumnNames, toName } from './names.ts';

describe('toName', () => {
  it.each([
    ['Reorder Level', 'reorder_level'],
    ['reorder-level', 'reorder_level'],
    ['  Größe (cm) ', 'größe_cm'],
    ['价格', '价格'],
    ['Ｓｋｕ', 'sku'],
    ['__proto__', 'proto'],
    ['"; drop table x', 'drop_table_x'],
    ['2026', '2026'],
    ['!!!', undefined],
    ['', undefined],
    ['x'.repeat(65), undefined],
  ])('of %j', (text, name) => {
    expect(toName(text)).toBe(name);
  });

  it('is a spelling: spelled again it stays', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.constant('a\u03aa\u0301')), (text) => {
        const name = toName(text);
        if (name !== undefined) expect(toName(name)).toBe(name);
      }),
    );
  });
});

describe('toColumnNames', () => {
  it('numbers what is taken and names what has no name', () => {
    expect(toColumnNames(['Name', 'name', '', 'NAME', 'name_2', '?'])).toEqual([
      'name',
      'name_2',
      'column_3',
      'name_3',
      'name_2_2',
      'column_6',
    ]);
  });

  it('gives each column a name of its own that finds it again', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('a', 'A', 'a_2', 'x'.repeat(70))), { maxLength: 64 }),
        (headers) => {
          const names = toColumnNames(headers);
          expect(new Set(names).size).toBe(headers.length);
          for (const name of names) expect(toName(name)).toBe(name);
        },
      ),
    );
  });
});
