/** The parts of a tool's JSON schema that the demo model looks at. */
export interface SchemaNode {
  readonly type: string | undefined;
  readonly enum: readonly string[];
  readonly properties: ReadonlyMap<string, SchemaNode>;
  readonly required: ReadonlySet<string>;
  /** Such as `date`. */
  readonly format: string | undefined;
  readonly items: SchemaNode | undefined;
  /** No keyword narrows it beyond what is read here. */
  readonly isPlain: boolean;
  /** Branches of unions and items of arrays. */
  readonly children: readonly SchemaNode[];
}

const READ_KEYWORDS = new Set(
  'type properties required items enum const title description additionalProperties strict $schema default examples'.split(' '),
);

export function readSchema(schema: unknown): SchemaNode {
  const node = isRecord(schema) ? schema : {};
  const types = Array.isArray(node['type']) ? node['type'] : [node['type']];
  const properties = isRecord(node['properties']) ? Object.entries(node['properties']) : [];
  const children = [node['items'], ...listOf(node['anyOf']), ...listOf(node['oneOf']), ...listOf(node['allOf'])];
  return {
    type: types.find((type) => typeof type === 'string' && type !== 'null') as string | undefined,
    enum: [...listOf(node['enum']), node['const']].filter((value) => typeof value === 'string'),
    properties: new Map(properties.map(([name, property]) => [name, readSchema(property)])),
    required: new Set(listOf(node['required']).filter((name) => typeof name === 'string')),
    format: typeof node['format'] === 'string' ? node['format'] : undefined,
    items: isRecord(node['items']) ? readSchema(node['items']) : undefined,
    isPlain: Object.keys(node).every((keyword) => READ_KEYWORDS.has(keyword)),
    children: children.filter(isRecord).map(readSchema),
  };
}

/** The allowed words of the first property called `name`, at whatever depth. */
export function findEnum(schema: SchemaNode, name: string): readonly string[] {
  const own = schema.properties.get(name);
  if (own !== undefined) {
    const words = [own, ...own.children].flatMap((node) => node.enum);
    if (words.length > 0) return words;
  }
  for (const child of [...schema.properties.values(), ...schema.children]) {
    const words = findEnum(child, name);
    if (words.length > 0) return words;
  }
  return [];
}

/** The smallest value that fits a schema; texts are filled by `toText`. */
export function fillSchema(schema: SchemaNode, toText: (name: string) => string, name = 'answer'): unknown {
  const node = schema.type === undefined && schema.properties.size === 0 ? (schema.children[0] ?? schema) : schema;
  if (node.enum[0] !== undefined) return node.enum[0];
  switch (node.type) {
    case 'number':
    case 'integer':
      return 0;
    case 'boolean':
      return false;
    case 'array':
      return [];
    case 'string':
      return toText(name);
    default:
      return node.properties.size === 0 ? toText(name) : fillObject(node, toText);
  }
}

function fillObject(node: SchemaNode, toText: (name: string) => string): Record<string, unknown> {
  const required = [...node.properties].filter(([name]) => node.required.has(name));
  return Object.fromEntries(required.map(([name, property]) => [name, fillSchema(property, toText, name)]));
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
