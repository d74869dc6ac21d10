import { describe, expect, it } from 'vitest';
import { checkArguments } from '../check-arguments.ts';
import { lookAtDocument } from '../look.ts';

const CONFIG = { url: 'https://api.example.com/v1', auth: { type: 'bearer' as const }, overrides: {} };

interface Parts {
  readonly version?: string;
  readonly schemas?: Record<string, unknown>;
  readonly parameters?: unknown[];
  readonly body?: unknown;
  readonly path?: string;
  readonly method?: string;
  readonly operation?: Record<string, unknown>;
}

/** One operation, beside one that is always well. */
function look(
  { version = '3.1.0', schemas = {}, parameters = [], body, path = '/x', method = 'post', operation = {} }: Parts,
  config = {},
) {
  const requestBody = body === undefined ? {} : { requestBody: { required: true, content: { 'application/json': { schema: body } } } };
  const document = {
    openapi: version,
    paths: {
      '/well': { get: { operationId: 'well' } },
      [path]: { [method]: { operationId: 'tried', parameters, ...requestBody, ...operation } },
    },
    components: { schemas },
  };
  const { offered, not_offered: notOffered } = lookAtDocument('api', document, { ...CONFIG, ...config });
  expect(offered.some(({ operation: name }) => name === 'well')).toBe(true);
  const tool = offered.find(({ operation: name }) => name === 'tried');
  return { tool, reason: notOffered.find(({ name }) => name === 'tried')?.reason };
}

function accepts(parts: Parts, input: unknown): boolean {
  const { tool, reason } = look(parts);
  if (tool === undefined) throw new Error(reason);
  try {
    checkArguments(tool.input_schema, input);
    return true;
  } catch {
    return false;
  }
}

describe('schemas of OpenAPI', () => {
  const tree = {
    type: 'object',
    properties: { name: { type: 'string' }, children: { type: 'array', items: { $ref: '#/components/schemas/Tree' } } },
    required: ['name'],
  };

  it('may refer to themselves', () => {
    const parts = { schemas: { Tree: tree }, body: { $ref: '#/components/schemas/Tree' } };
    expect(accepts(parts, { body: { name: 'a', children: [{ name: 'b', children: [{ name: 'c' }] }] } })).toBe(true);
    expect(accepts(parts, { body: { name: 'a', children: [{ name: 'b', children: [{ name: 7 }] }] } })).toBe(false);
  });

  it.each([
    ['refers to itself', { A: { $ref: '#/components/schemas/A' } }],
    ['refers to itself by another', { A: { $ref: '#/components/schemas/B' }, B: { allOf: [{ $ref: '#/components/schemas/A' }] } }],
    ['says of itself that it is itself', { A: { type: 'object', anyOf: [{ $ref: '#/components/schemas/A' }] } }],
    [
      'comes back to itself over what was written before',
      {
        A: { properties: { c: { $ref: '#/components/schemas/C' } }, allOf: [{ $ref: '#/components/schemas/C' }] },
        C: { allOf: [{ $ref: '#/components/schemas/A' }] },
      },
    ],
  ])('are not offered when one %s and never comes to a value', (_name, schemas) => {
    expect(look({ schemas, body: { $ref: '#/components/schemas/A' } }).reason).toContain('refers to itself');
  });

  it.each([
    ['another document', { $ref: 'https://evil.example/schema.json' }, 'outside of the document'],
    ['another file', { $ref: 'other.json#/A' }, 'outside of the document'],
    ['a file of the machine', { $ref: 'file:///etc/passwd' }, 'outside of the document'],
    ['nothing', { $ref: '#/components/schemas/None' }, 'not in the document'],
    ['what every object has', { $ref: '#/components/schemas/constructor' }, 'not in the document'],
    ['nonsense', { $ref: '#/%' }, 'not valid'],
    ['no object', 'string', 'not an object'],
    ['a type of another version', { type: 'file' }, 'has the type file'],
  ])('are not offered when they refer to %s', (_name, body, reason) => {
    expect(look({ body }).reason).toContain(reason);
  });

  it('are not offered when they are too large or too deep to keep in mind', () => {
    const wide = { properties: Object.fromEntries(Array.from({ length: 3_000 }, (_, index) => [`p${index}`, {}])) };
    expect(look({ body: wide }).reason).toContain('parts');
    const schemas = Object.fromEntries(
      Array.from({ length: 200 }, (_, index) => [`S${index}`, { properties: { next: { $ref: `#/components/schemas/S${index + 1}` } } }]),
    );
    expect(look({ schemas: { ...schemas, S200: {} }, body: { $ref: '#/components/schemas/S0' } }).reason).toContain('levels');
  });

  it('of 3.0 mean what they meant', () => {
    const body = {
      type: 'object',
      properties: {
        a: { type: 'string', nullable: true },
        b: { type: 'integer', minimum: 1, exclusiveMinimum: true },
        c: { type: 'string', enum: ['x'], nullable: true },
      },
    };
    expect(accepts({ version: '3.0.3', body }, { body: { a: null, b: 2, c: null } })).toBe(true);
    expect(accepts({ version: '3.0.3', body }, { body: { b: 1 } })).toBe(false);
    expect(accepts({ version: '3.1.0', body }, { body: { a: null } })).toBe(false);
  });

  it('ask for nothing that the upstream alone sets', () => {
    const body = {
      type: 'object',
      required: ['id', 'name'],
      properties: { id: { type: 'string', readOnly: true }, name: { type: 'string' } },
    };
    expect(accepts({ body }, { body: { name: 'a' } })).toBe(true);
  });

  it('run no expression of the document', () => {
    const { tool } = look({ body: { type: 'string', pattern: '^(a+)+$' } });
    expect(JSON.stringify(tool?.input_schema)).toContain('Must match ^(a+)+$');
    expect(accepts({ body: { type: 'string', pattern: '^(a+)+$' } }, { body: `${'a'.repeat(40)}!` })).toBe(true);
  });
});

describe('operations of OpenAPI', () => {
  it.each([
    ['get', 'read', true],
    ['head', 'read', true],
    ['put', 'write', true],
    ['delete', 'write', true],
    ['post', 'write', false],
    ['patch', 'write', false],
  ])('by %s are a %s', (method, effect, isIdempotent) => {
    expect(look({ method }).tool).toMatchObject({ name: 'api_tried', effect, is_idempotent: isIdempotent, needs_approval: false });
  });

  it('are what the administrator says that they are', () => {
    const overrides = { tried: { effect: 'read', needs_approval: true, idempotent: true } };
    expect(look({ method: 'post' }, { overrides }).tool).toMatchObject({ effect: 'read', needs_approval: true, is_idempotent: true });
  });

  it.each([
    ['a needed cookie', { parameters: [{ name: 'c', in: 'cookie', required: true, schema: {} }] }, 'stands in cookie'],
    [
      'a needed header that is the connection’s',
      { parameters: [{ name: 'Host', in: 'header', required: true, schema: {} }] },
      'cannot be set',
    ],
    [
      'a style that is not spoken',
      { parameters: [{ name: 'id', in: 'path', style: 'matrix', schema: {} }], path: '/x/{id}' },
      'has the style matrix',
    ],
    ['a part of the path that is not told', { path: '/x/{id}' }, 'path is not valid'],
    ['a path that leads up', { path: '/x/../y' }, 'path is not valid'],
    ['a path that leads up in disguise', { path: '/x/%2E%2e/y' }, 'path is not valid'],
    ['a path with a query', { path: '/x?admin=1' }, 'path is not valid'],
    [
      'a body that is no JSON',
      { operation: { requestBody: { required: true, content: { 'multipart/form-data': {} } } } },
      'only JSON is sent',
    ],
    ['a parameter that is in a circle', { parameters: [{ $ref: '#/paths/~1x/post/parameters/0' }] }, 'circle'],
  ])('are left out with %s, with the reason', (_name, parts, reason) => {
    expect(look(parts).reason).toContain(reason);
  });

  it('leave out what they need not send', () => {
    const parameters = [
      { name: 'c', in: 'cookie', schema: {} },
      { name: 'Authorization', in: 'header', required: true, schema: {} },
      { name: 'Idempotency-Key', in: 'header', required: true, schema: {} },
      { name: 'q', in: 'query', schema: { type: 'string' } },
    ];
    expect(Object.keys(look({ parameters }).tool?.input_schema['properties'] ?? {})).toEqual(['q']);
  });

  it('tell parameters of one name apart', () => {
    const parameters = [
      { name: 'id', in: 'path', required: true, schema: { type: 'string' } },
      { name: 'id', in: 'query', schema: { type: 'string' } },
      { name: 'filter[name]', in: 'query', schema: { type: 'string' } },
      { name: 'body', in: 'query', schema: { type: 'string' } },
    ];
    const { tool } = look({ parameters, path: '/x/{id}', body: { type: 'object' } });
    expect(Object.keys(tool?.input_schema['properties'] ?? {})).toEqual(['id', 'query_id', 'filter_name_', 'body', 'request_body']);
  });

  it('have names that models can say, each its own', () => {
    const document = {
      openapi: '3.0.0',
      paths: {
        '/a': { get: { operationId: 'list things!' }, post: { operationId: 'list-things?' } },
        '/b': { get: { operationId: `${'x'.repeat(80)}1` }, post: { operationId: `${'x'.repeat(80)}2` }, delete: {} },
      },
    };
    const { offered } = lookAtDocument('api', document, CONFIG);
    const names = offered.map(({ name }) => name);
    expect(names).toContain('api_list_things_');
    expect(names).toContain('api_delete_b');
    expect(new Set(names).size).toBe(5);
    expect(names.every((name) => /^[a-zA-Z][a-zA-Z0-9_-]{0,63}$/.test(name))).toBe(true);
    const twice = { openapi: '3.0.0', paths: { '/a': { get: { operationId: 'a b' }, post: { operationId: 'a?b' } } } };
    expect(lookAtDocument('api', twice, CONFIG).not_offered).toEqual([{ name: 'a?b', reason: 'another one has the name api_a_b already' }]);
  });

  it('are told without what a reader does not see', () => {
    const { tool } = look({ operation: { summary: 'Lists\u0000 \u202eall\u{e0041}.', description: 'x'.repeat(5_000) } });
    expect(tool?.description).toMatch(/^Lists {2} all \.\nx+$/u);
    expect(tool?.description.length).toBeLessThanOrEqual(1_024);
  });

  it('are not more than can be kept', () => {
    const paths = Object.fromEntries(Array.from({ length: 201 }, (_, index) => [`/p${index}`, { get: { operationId: `o${index}` } }]));
    const document = { openapi: '3.0.0', paths };
    expect(() => lookAtDocument('api', document, CONFIG)).toThrow('201 tools');
    expect(lookAtDocument('api', document, { ...CONFIG, include: ['o7'] }).offered.map(({ name }) => name)).toEqual(['api_o7']);
  });

  it.each([
    ['no version', {}],
    ['an older version', { swagger: '2.0', paths: {} }],
    ['a version of its own', { openapi: '3.2.0', paths: {} }],
    ['no paths', { openapi: '3.1.0' }],
    ['nothing to offer', { openapi: '3.1.0', paths: {} }],
  ])('are refused as a whole with %s', (_name, document) => {
    expect(() => lookAtDocument('api', document, CONFIG)).toThrow(expect.objectContaining({ code: 'invalid_request' }));
  });
});
