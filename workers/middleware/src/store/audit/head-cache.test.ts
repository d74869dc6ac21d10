import { describe, expect, it } from 'vitest';
import { createHeadCache } from './head-cache.ts';

const at = (seq: number) => ({ seq, hash: String(seq) });

describe('createHeadCache', () => {
  it('recalls what it was told last, until it is told to forget it', () => {
    const cache = createHeadCache();
    cache.remember('acme', at(1));
    cache.remember('acme', at(2));
    expect(cache.recall('acme')).toEqual(at(2));
    expect(cache.recall('other')).toBeUndefined();
    cache.forget('acme');
    expect(cache.recall('acme')).toBeUndefined();
  });

  it('drops the chain that was written to the longest ago when there are too many', () => {
    const cache = createHeadCache();
    for (let index = 0; index < 1_000; index += 1) cache.remember(`chain-${index}`, at(1));
    cache.remember('chain-0', at(2));
    cache.remember('one-more', at(1));
    expect(cache.recall('chain-0')).toEqual(at(2));
    expect(cache.recall('chain-1')).toBeUndefined();
    expect(cache.recall('one-more')).toEqual(at(1));
  });
});
