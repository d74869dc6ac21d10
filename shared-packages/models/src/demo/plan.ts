import { type Part, pointsBack, splitParts } from './parts.ts';
import type { PlannerPrompt } from './planner-prompt.ts';
import { countShared, toKeywords } from './words.ts';

interface DemoSlice {
  readonly id: string;
  readonly agent_id: string;
  readonly task: string;
  readonly depends_on: readonly string[];
}

type PlannerAgent = PlannerPrompt['agents'][number];

const MAX_SLICES = 3;
const NEEDS_EARLIER = /\b(?:then|based on|using|with (?:that|those|the result)|the result|those|them|accordingly)\b/i;
const GENERALIST = /\b(?:general|conversation\w*|anything|everything)\b/i;

interface Task extends Part {
  readonly agent: PlannerAgent;
}

/** One to three slices: as many as the question has parts that different agents answer best. */
export function planByWords(prompt: PlannerPrompt): { readonly slices: readonly DemoSlice[] } {
  const { agents, question, max_slices: maxSlices = MAX_SLICES } = prompt;
  const tasks = groupByAgent(splitParts(question), agents);
  if (tasks.length < 2 || tasks.length > maxSlices) return { slices: [toSlice(0, chooseAgent(prompt), question, [])] };
  const slices = tasks.map(({ agent, text, lead }, index) =>
    toSlice(index, agent, text, index > 0 && NEEDS_EARLIER.test(`${lead} ${text}`) ? [`s${index}`] : []),
  );
  return { slices };
}

/** Neighbouring parts for one agent are one task; a part that suits none goes with the one before it. */
function groupByAgent(parts: readonly Part[], agents: readonly PlannerAgent[]): readonly Task[] {
  const tasks: Task[] = [];
  let waiting = '';
  for (const part of parts) {
    const agent = findBest(part.text, agents);
    const last = tasks.at(-1);
    if (last !== undefined && (agent === undefined || agent === last.agent)) {
      tasks[tasks.length - 1] = { ...last, text: `${last.text}${part.lead || ' '}${part.text}` };
    } else if (agent === undefined) {
      waiting += `${part.text} `;
    } else {
      tasks.push({ ...part, text: `${waiting}${part.text}`, agent });
      waiting = '';
    }
  }
  return tasks;
}

function chooseAgent({ agents, question, earlier = [] }: PlannerPrompt): PlannerAgent {
  const before = earlier.findLast(({ role }) => role === 'user')?.text;
  const context = before !== undefined && pointsBack(question, false) ? findBest(before, agents) : undefined;
  return findBest(question, agents) ?? context ?? findGeneralist(agents);
}

function toSlice(index: number, agent: PlannerAgent, task: string, dependsOn: readonly string[]): DemoSlice {
  return { id: `s${index + 1}`, agent_id: agent.id, task, depends_on: dependsOn };
}

function findBest(text: string, agents: readonly PlannerAgent[]): PlannerAgent | undefined {
  const wanted = toKeywords(text);
  const scored = agents.map((agent) => ({ agent, score: countShared(wanted, toKeywords(`${agent.id} ${agent.name} ${agent.summary}`)) }));
  const best = scored.reduce((left, right) => (right.score > left.score ? right : left));
  return best.score === 0 ? undefined : best.agent;
}

function findGeneralist(agents: readonly PlannerAgent[]): PlannerAgent {
  return agents.find((agent) => GENERALIST.test(`${agent.name} ${agent.summary}`)) ?? (agents[0] as PlannerAgent);
}
