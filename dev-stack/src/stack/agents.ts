import { existsSync, readdirSync } from 'node:fs';
import { REPOSITORY } from '../repository.ts';

const AGENT_FOLDER = /^agent-(.+)$/;

/** The ids of the agents in `services/`, so that a new agent is part of the stack as soon as it is there. */
export function findAgentIds(): readonly string[] {
  return readdirSync(new URL('services/', REPOSITORY))
    .filter((folder) => existsSync(new URL(`services/${folder}/src/main.ts`, REPOSITORY)))
    .flatMap((folder) => AGENT_FOLDER.exec(folder)?.[1] ?? [])
    .sort();
}
