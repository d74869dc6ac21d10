import { toOrigin } from '@rubot/config/variable';
import { AgentId } from '@rubot/contracts/ids';
import { parseJson } from '@rubot/contracts/parse-json';
import { z } from 'zod';

/** Agent ids, in the order the operator wrote them, each with the origins of its replicas. */
export type AgentRegistry = ReadonlyMap<string, readonly string[]>;

type Report = (path: readonly PropertyKey[], message: string) => void;

const Origin = z.string('must be an origin such as http://host:port').transform(toOrigin);

/** `{"id": "http://host:port"}` or `{"id": ["http://a:1", "http://b:1"]}`; every problem of it is reported, not the first. */
export const AgentRegistryJson = z.string().transform((text, context): AgentRegistry => {
  let sound = true;
  const registry = readRegistry(text, (path, message) => {
    sound = false;
    context.addIssue({ code: 'custom', path: [...path], message });
  });
  return sound ? registry : z.NEVER;
});

function readRegistry(text: string, report: Report): AgentRegistry {
  const entries = readEntries(text, report);
  const owners = new Map<string, string>();
  const registry = new Map<string, readonly string[]>();
  for (const [agentId, value] of entries) {
    const id = AgentId.safeParse(agentId);
    if (!id.success) report([agentId], `${id.error.issues[0]?.message ?? 'is not an agent id'}`);
    registry.set(agentId, readReplicas(agentId, value, owners, report));
  }
  return registry;
}

function readEntries(text: string, report: Report): [string, unknown][] {
  const value = parseJson(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    report([], 'must be a JSON object of agent ids and origins, such as {"tables":"http://agent-tables:8080"}');
    return [];
  }
  for (const agentId of findRepeatedKeys(text)) report([agentId], 'stands there twice; list replicas as ["http://a:1","http://b:1"]');
  const entries = Object.entries(value);
  if (entries.length === 0) report([], 'names no agent; the orchestrator needs at least one');
  return entries;
}

function readReplicas(agentId: string, value: unknown, owners: Map<string, string>, report: Report): readonly string[] {
  const candidates: unknown[] = Array.isArray(value) ? value : [value];
  if (candidates.length === 0) report([agentId], 'has no replica; give at least one origin');
  return candidates.flatMap((candidate, index) => {
    const path = Array.isArray(value) ? [agentId, index] : [agentId];
    const origin = Origin.safeParse(candidate);
    if (!origin.success) {
      report(path, origin.error.issues[0]?.message ?? 'is not an origin');
      return [];
    }
    const owner = owners.get(origin.data);
    if (owner !== undefined) report(path, `is already a replica of ${owner}; one origin serves one agent, once`);
    owners.set(origin.data, agentId);
    return [origin.data];
  });
}

/** JSON.parse keeps the last of two equal keys and says nothing; a string that a colon follows is a key. */
function findRepeatedKeys(text: string): readonly string[] {
  const tokens = [...text.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?/g)];
  const keys = tokens.filter(([, , colon]) => colon !== undefined).map(([, key = '""']) => String(JSON.parse(key)));
  return [...new Set(keys.filter((key, index) => keys.indexOf(key) !== index))];
}
