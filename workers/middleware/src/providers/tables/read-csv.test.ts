import { describe, expect, it } from 'vitest';
import { readCsv } from './read-csv.ts';

describe('readCsv', () => {
  it.each([
    ['commas', 'a,b\n1,x\n'],
    ['semicolons', 'a;b\n1;x\n'],
    ['tabs', 'a\tb\n1\tx\n'],
    ['CRLF', 'a,b\r\n1,x\r\n'],
    ['a byte order mark', '\ufeffa,b\n1,x\n'],
    ['blanks and empty lines', '\n a , b \n\n 1 , x \n , \n'],
    ['quotes', '"a","b"\n"1","x"'],
  ])('reads %s', (_name, csv) => {
    const { columns, rows } = readCsv(csv);
    expect(columns).toEqual([
      { position: 0, name: 'a', type: 'number' },
      { position: 1, name: 'b', type: 'text' },
    ]);
    expect(rows).toEqual(['[1,"x"]']);
  });

  it('keeps what is quoted, and fills a row that ends early', () => {
    expect(readCsv('a,b,c\n"1,""2""\nthree",x\n').rows).toEqual(['["1,\\"2\\"\\nthree","x",null]']);
  });

  it('reads a single column', () => {
    expect(readCsv('only\n1\n2\n').rows).toEqual(['[1]', '[2]']);
  });

  it('reads a table without rows', () => {
    expect(readCsv('a,b\n')).toMatchObject({ rows: [], columns: [{ type: 'text' }, { type: 'text' }] });
  });
});
