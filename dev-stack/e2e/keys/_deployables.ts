import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { Agent } from '@rubot/agent-kit/define-agent';
import { readAgentConfig } from '@rubot/agent-kit/env';
import { metaOf, type Variables } from '@rubot/config/variable';
import { findDeployables } from '../../src/docs/find-deployables.ts';
import { REPOSITORY } from '../../src/repository.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A deployable as what starts it sees it. */
export interface Bootable {
  readonly folder: string;
  readonly variables: Variables;
  readonly secretNames: readonly string[];
  /** Reads the environment as `main.ts` or `worker.ts` does. */
  read(environment: Environment): unknown;
}

/** Made by others, who decide how long they are; the last by a gateway. */
const FOREIGN = new Set([
  'DATABASE_URL',
  'OPENAI_API_KEY',
  'ANTHROPIC_API_KEY',
  'CF_ACCESS_CLIENT_SECRET',
  'AXIOM_TOKEN',
  'RUBOT_ADMIN_TOKEN',
]);
/** Of the command line, whose commands ask for no more than they use, and of what a deployment may do without. */
const MAY_BE_UNSET = new Set(['OPENAI_API_KEY', 'ANTHROPIC_API_KEY', 'CF_ACCESS_CLIENT_SECRET', 'METRICS_API_KEY']);

export async function findBootables(): Promise<readonly Bootable[]> {
  return Promise.all((await findDeployables(REPOSITORY)).map(toBootable));
}

async function toBootable({ folder, variables }: { folder: string; variables: Variables }): Promise<Bootable> {
  const secretNames = Object.keys(variables).filter((name) => isSecret(variables, name));
  return { folder, variables, secretNames, read: await findReader(folder) };
}

/** By the house's rule, `env.ts` exports `read<Service>Config`; that of an agent is read by the agent kit. */
async function findReader(folder: string): Promise<Bootable['read']> {
  const module: Record<string, unknown> = await import(new URL(`${folder}/src/env.ts`, REPOSITORY).href);
  const reader = Object.entries(module).find(([name]) => /^read\w+Config$/.test(name))?.[1];
  if (typeof reader === 'function') return (environment) => reader(environment);
  const agentFile = new URL(`${folder}/src/agent.ts`, REPOSITORY);
  if (!existsSync(agentFile)) throw new Error(`${folder} has neither a reader in src/env.ts nor an agent; who reads its environment?`);
  const { agent }: { agent: Agent } = await import(agentFile.href);
  return (environment) => readAgentConfig(agent, environment);
}

function isSecret(variables: Variables, name: string): boolean {
  const schema = variables[name];
  return schema !== undefined && metaOf(schema)?.['secret'] === true;
}

function mayBeUnset({ folder }: Bootable, name: string): boolean {
  return folder === 'cli' || name.endsWith('_PREVIOUS') || MAY_BE_UNSET.has(name);
}

/** Sets every variable: secrets at random, the rest to its example or a text; those with a default keep it. */
export function makeGoodEnvironment({ variables }: Bootable): Environment {
  const entries = Object.entries(variables).flatMap(([name, schema]) => {
    if (isSecret(variables, name)) return [[name, spell(name, newSecret())]];
    const example = metaOf(schema)?.['example'];
    if (typeof example === 'string') return [[name, example]];
    const { success, data } = schema.safeParse(undefined);
    return success && data !== undefined ? [] : schema.safeParse('a-text').success ? [[name, 'a-text']] : [];
  });
  return Object.fromEntries(entries);
}

export function newSecret(): string {
  return randomBytes(30).toString('base64url');
}

/** A secret as the value of its variable: of a URL it is the password. */
export function spell(name: string, secret: string): string {
  return name === 'DATABASE_URL' ? `postgres://rubot:${encodeURIComponent(secret)}@127.0.0.1:9/rubot` : secret;
}

export interface BadSecret {
  readonly kind: string;
  readonly value: string | undefined;
}

/** Every way in which a secret can be wrong by itself. */
export function findBadSecrets(bootable: Bootable, name: string): readonly BadSecret[] {
  const tooShort = newSecret().slice(0, FOREIGN.has(name) ? 7 : 31);
  const stuffing = newSecret().slice(0, 12);
  const wrong = [
    { kind: 'short', value: tooShort },
    { kind: 'a placeholder', value: `change-me-${stuffing}-${stuffing}-${stuffing}` },
    { kind: 'what the example file might say', value: `your-secret-${stuffing}-${stuffing}-${stuffing}` },
    { kind: 'one letter', value: 'q'.repeat(44) },
    { kind: 'one word again and again', value: stuffing.repeat(4) },
  ];
  const spelled = wrong.map(({ kind, value }) => ({ kind, value: spell(name, value) }));
  return mayBeUnset(bootable, name) ? spelled : [{ kind: 'unset', value: undefined }, { kind: 'empty', value: '' }, ...spelled];
}
