import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildRequest } from './build-request.ts';
import type { HttpOperation, Parameter } from './operation.ts';

const BASE = 'https://api.example.com/v2/';

function toOperation(path: string, ...parameters: Partial<Parameter>[]): HttpOperation {
  const whole = parameters.map(
    (parameter) => ({ key: 'a', name: 'a', in: 'query', style: 'form', explode: true, ...parameter }) as Parameter,
  );
  return { method: 'GET', path, parameters: whole };
}

describe('buildRequest', () => {
  it.each([
    ['form', true, ['x', 'y z'], '?a=x&a=y+z'],
    ['form', false, ['x', 'y'], '?a=x%2Cy'],
    ['spaceDelimited', false, ['x', 'y'], '?a=x+y'],
    ['pipeDelimited', false, ['x', 'y'], '?a=x%7Cy'],
    ['deepObject', true, { from: 1, to: 2 }, '?a%5Bfrom%5D=1&a%5Bto%5D=2'],
    ['form', true, { from: 1, to: 2 }, '?from=1&to=2'],
    ['form', false, { from: 1 }, '?a=from%2C1'],
    ['json', false, { deep: [1] }, '?a=%7B%22deep%22%3A%5B1%5D%7D'],
    ['form', true, false, '?a=false'],
    ['form', true, null, ''],
    ['form', true, undefined, ''],
  ] as const)('writes a query of style %s (explode: %s): %j', (style, explode, value, query) => {
    const { url } = buildRequest(BASE, toOperation('/x', { style, explode }), { a: value });
    expect(url).toBe(`https://api.example.com/v2/x${query}`);
  });

  it.each(['', '/', '/v2', '/v2/', '/a%20b/'])('keeps the path %j of the connection', (path) => {
    const { url } = buildRequest(`https://api.example.com${path}`, toOperation('/x'), {});
    expect(url).toBe(`https://api.example.com${path.replace(/\/$/, '')}/x`);
  });

  it('stays below the path of the connection, whatever the arguments are', () => {
    const pieces = fc.constantFrom(
      '..',
      '.',
      '/',
      '\\',
      '%2e',
      '%2F',
      '%5c',
      '?',
      '#',
      '@',
      ':',
      '//',
      'evil.example',
      '\t',
      '\n',
      '\u0000',
      ';',
      'a',
    );
    const hostile = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(pieces, { maxLength: 8 }).map((parts) => parts.join('')),
    );
    const operation = toOperation(
      '/orders/{id}/lines',
      { key: 'id', name: 'id', in: 'path', style: 'simple', explode: false },
      { key: 'q', name: 'q' },
    );
    let built = 0;
    fc.assert(
      fc.property(hostile, hostile, (id, q) => {
        let url: string;
        try {
          ({ url } = buildRequest(BASE, operation, { id, q }));
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: 'invalid_request' });
          return;
        }
        built += 1;
        const parsed = new URL(url);
        expect(parsed.origin).toBe('https://api.example.com');
        expect(parsed.pathname.split('/')).toHaveLength(5);
        expect(parsed.pathname).toMatch(/^\/v2\/orders\/[^/]+\/lines$/);
        expect(decodeURIComponent(parsed.pathname).split(/[/\\]/)).not.toContain('..');
        expect([parsed.username, parsed.password, parsed.hash, [...parsed.searchParams.keys()]]).toEqual(['', '', '', ['q']]);
      }),
      { numRuns: 2_000 },
    );
    expect(built).toBeGreaterThan(500);
  });
});
