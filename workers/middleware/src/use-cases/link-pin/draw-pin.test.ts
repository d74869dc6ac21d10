import { describe, expect, it } from 'vitest';
import { drawPin } from './draw-pin.ts';

describe('drawPin', () => {
  it.each([
    [0, '000000'],
    [7, '000007'],
    [1_000_001, '000001'],
    [4_293_999_999, '999999'],
  ])('turns %i into %s', (number, pin) => {
    expect(drawPin(() => number)).toBe(pin);
  });

  it('draws again what would make some PINs likelier than others', () => {
    const numbers = [4_294_000_000, 2 ** 32 - 1, 123_456];
    expect(drawPin(() => numbers.shift() ?? 0)).toBe('123456');
  });

  it('has six digits, whatever is drawn', () => {
    for (let drawn = 0; drawn < 1_000; drawn += 1) expect(drawPin()).toMatch(/^[0-9]{6}$/);
  });
});
