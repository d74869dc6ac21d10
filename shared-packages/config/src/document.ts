import { z } from 'zod';
import { metaOf, type Variables } from './variable.ts';

export interface DocumentedService {
  readonly name: string;
  readonly variables: Variables;
}

interface Row {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly defaultValue: string | undefined;
  readonly secret: boolean;
  readonly description: string;
  readonly example: string | undefined;
}

/** The page `env-vars.md`: one table, a column that says which services read each variable. */
export function renderEnvironmentPage(services: readonly DocumentedService[]): string {
  const readers = new Map<string, { row: Row; services: string[] }>();
  for (const service of services) {
    for (const row of describeVariables(service.variables)) {
      const known = readers.get(row.name);
      if (known === undefined) readers.set(row.name, { row, services: [service.name] });
      else known.services.push(service.name);
    }
  }
  const rows = [...readers.values()].map(({ row, services: names }) => {
    const value = row.required ? '**required**' : row.defaultValue === undefined ? 'optional' : `\`${row.defaultValue}\``;
    return `| \`${row.name}\` | ${row.type}${row.secret ? ', secret' : ''} | ${value} | ${names.join(', ')} | ${row.description} |`;
  });
  return `${['# Environment variables', '', 'Generated from the schemas by `npm run gen`; do not edit.', '', '| name | type | default | read by | what it does |', '| --- | --- | --- | --- | --- |', ...rows].join('\n')}\n`;
}

/** `.env.example` or `.dev.vars.example`: every variable, the optional ones commented out. */
export function renderEnvironmentExample(variables: Variables): string {
  const blocks = describeVariables(variables).map((row) => {
    const value = row.secret ? '' : (row.example ?? row.defaultValue ?? '');
    return `# ${row.description}\n${row.required ? '' : '# '}${row.name}=${value}`;
  });
  return `# Generated from the schema by \`npm run gen\`; do not edit.\n\n${blocks.join('\n\n')}\n`;
}

function describeVariables(variables: Variables): readonly Row[] {
  return Object.entries(variables).map(([name, schema]) => {
    const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
    const meta = metaOf(schema);
    const unset = schema.safeParse(undefined);
    return {
      name,
      type: typeof json.type === 'string' ? json.type : 'string',
      required: !unset.success,
      defaultValue: findDefault(schema, unset.data),
      secret: meta?.['secret'] === true,
      description: String(meta?.description ?? ''),
      example: typeof meta?.['example'] === 'string' ? meta['example'] : undefined,
    };
  });
}

/** As text. Asked of the schema itself, as JSON schema does not tell the default of what is transformed. */
function findDefault(schema: z.ZodType, unset: unknown): string | undefined {
  if (schema instanceof z.ZodPrefault) return String(schema.def.defaultValue);
  return unset === undefined ? undefined : String(unset);
}
