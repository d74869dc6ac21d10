import { cpSync, existsSync, globSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** What the person who asked can mend. */
export class NewAgentError extends Error {}

export interface CreateAgentOptions {
  /** The root of the repository. */
  readonly root: string;
  readonly name: string;
}

const TEMPLATE = 'template';
/** The rule of agent ids, without a hyphen at the end. */
const NAME = /^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/;
const LEFT_BEHIND = new Set(['node_modules', 'dist', '.turbo', 'coverage', '.env']);

/** Copies services/agent-template under a new name; gives the new folder, relative to the root. @throws NewAgentError */
export function createAgent({ root, name }: CreateAgentOptions): string {
  if (!NAME.test(name)) {
    throw new NewAgentError(
      `"${name}" is no name for an agent. Use 1 to 40 lower-case letters, digits or "-", starting with a letter, as in: npm run new:agent order-status`,
    );
  }
  const folder = `services/agent-${name}`;
  const target = join(root, folder);
  if (existsSync(target)) throw new NewAgentError(`${folder} is already there. Choose another name, or delete it.`);
  cpSync(join(root, `services/agent-${TEMPLATE}`), target, { recursive: true, filter: (source) => !LEFT_BEHIND.has(basename(source)) });
  for (const path of globSync('**/{*,.*}', { cwd: target }).map((file) => join(target, file))) {
    if (statSync(path).isFile()) writeFileSync(path, rename(readFileSync(path, 'utf8'), name));
  }
  return folder;
}

/** Every spelling in which the template names itself. */
function rename(text: string, name: string): string {
  const words = name.split('-').filter((word) => word !== '');
  const title = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  return text
    .replaceAll(`agent-${TEMPLATE}`, `agent-${name}`)
    .replaceAll('agentTemplate', `agent${title.join('')}`)
    .replaceAll('AGENT_TEMPLATE_', `AGENT_${name.toUpperCase().replaceAll('-', '_')}_`)
    .replaceAll(`the agent "${TEMPLATE}"`, `the agent "${name}"`)
    .replaceAll(`id: '${TEMPLATE}'`, `id: '${name}'`)
    .replaceAll(`name: 'Template'`, `name: '${title.join(' ')}'`);
}
