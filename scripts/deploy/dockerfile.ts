import { readFileSync } from 'node:fs';

export interface Instruction {
  readonly name: string;
  readonly value: string;
}

/** One stage: `FROM`, then what follows it. Build arguments are filled in. */
export interface Stage {
  readonly base: string;
  readonly instructions: readonly Instruction[];
}

/** Reads the few forms of a Dockerfile that ours use: no line continuations, `ARG name=value` before the first stage. */
export function readDockerfile(path: string): readonly Stage[] {
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const values = new Map<string, string>();
  const stages: { base: string; instructions: Instruction[] }[] = [];
  for (const line of lines) {
    const [name = '', ...rest] = line.split(' ');
    const value = rest.join(' ').replaceAll(/\$\{(\w+)\}/g, (whole, variable: string) => values.get(variable) ?? whole);
    const stage = stages.at(-1);
    if (name === 'FROM') stages.push({ base: value, instructions: [] });
    else if (stage !== undefined) stage.instructions.push({ name, value });
    else if (name === 'ARG') values.set(value.split('=')[0] ?? '', value.split('=')[1] ?? '');
  }
  return stages;
}

export function valuesOf(stage: Stage, name: string): readonly string[] {
  return stage.instructions.filter((instruction) => instruction.name === name).map(({ value }) => value);
}

/** The words of `CMD ["node", "main.js"]`, or of the `CMD` at the end of a `HEALTHCHECK`: the form that needs no shell. */
export function commandOf(stage: Stage, name: 'CMD' | 'HEALTHCHECK'): readonly [program: string, ...args: string[]] {
  const [value = ''] = valuesOf(stage, name);
  return JSON.parse(value.slice(value.indexOf('['))) as [string, ...string[]];
}
