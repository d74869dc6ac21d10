import { describe, expect, it } from 'vitest';
import { HostList, isListed } from './host-list.ts';

function allows(list: string, url: string): boolean {
  return isListed(HostList.parse(list), new URL(url));
}

describe('HostList', () => {
  it.each([
    ['api.example.com', 'https://api.example.com/x', true],
    ['API.Example.com', 'https://api.EXAMPLE.com', true],
    ['api.example.com', 'https://api.example.com:8443', false],
    ['api.example.com', 'https://example.com', false],
    ['api.example.com', 'https://api.example.com.evil.test', false],
    ['api.example.com', 'https://evilapi.example.com', false],
    ['api.example.com', 'https://api.example.com.', false],
    ['example.com:8443', 'https://example.com:8443', true],
    ['example.com:8443', 'https://example.com', false],
    ['*.example.com', 'https://a.example.com', true],
    ['*.example.com', 'https://a.b.example.com', true],
    ['*.example.com', 'https://example.com', false],
    ['*.example.com', 'https://aexample.com', false],
    ['bücher.example', 'https://xn--bcher-kva.example', true],
    ['a.test, b.test', 'https://b.test', true],
    ['[::1]:9000', 'http://[::1]:9000', true],
    ['127.0.0.1:9000', 'http://127.0.0.1:9000', true],
    ['', 'https://a.test', false],
    [' , ', 'https://a.test', false],
  ])('%j and %s: %s', (list, url, isAllowed) => {
    expect(allows(list, url)).toBe(isAllowed);
  });

  it.each(['*', '*.com', '*.*', 'https://a.test', 'a.test/path', 'user@a.test', 'a.test:', 'a.test:99999', '*.10.0.0.1', 'a b', '*a.test'])(
    'refuses %j',
    (list) => {
      expect(HostList.safeParse(list).success).toBe(false);
    },
  );
});
