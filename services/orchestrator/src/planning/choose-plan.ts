import { NO_USAGE, type Usage } from '@rubot/contracts/chat-response';
import { createDeadline } from '@rubot/http/deadline';
import type { Span } from '@rubot/logging/span';
import type { Agent } from '../agents/agent.ts';
import type { AgentDirectory } from '../agents/directory.ts';
import { allDown, type DescribedAgent, describeAgents } from '../agents/eligible.ts';
import type { Run } from '../runs/run.ts';
import { findBestMatch } from './best-match.ts';
import { MAX_SLICES, parsePlan } from './parse-plan.ts';
import { type Plan, planSoleAgent } from './plan.ts';
import type { PlannerAnswer, PlannerModel, PlannerQuestion } from './planner-model.ts';
import { earlierOf, needsSoleAuthor, questionOf } from './question.ts';

export interface PlanningDeps {
  readonly directory: AgentDirectory;
  readonly plannerModel: PlannerModel;
  readonly plannerTimeoutMs: number;
}

export interface ChosenPlan {
  readonly plan: Plan;
  /** What planning itself has cost. */
  readonly usage: Usage;
}

/**
 * Who answers. The planner is asked only where there is a choice.
 *
 * @throws RubotError `unavailable` when no agent says what it can do; the deadline's reason
 */
export async function choosePlan(run: Run, eligible: readonly Agent[], deps: PlanningDeps): Promise<ChosenPlan> {
  const span = run.span.child({ event: 'plan.completed', name: 'plan', kind: 'internal' });
  try {
    const chosen = await choose(run, span, eligible, deps);
    const { planner, slices } = chosen.plan;
    span.end({ extra: { planner, agents: slices.map((slice) => slice.agent.id) } });
    return chosen;
  } catch (thrown) {
    span.end({ error: thrown });
    throw thrown;
  }
}

async function choose(run: Run, span: Span, eligible: readonly Agent[], deps: PlanningDeps): Promise<ChosenPlan> {
  const [sole, ...others] = eligible;
  if (sole !== undefined && others.length === 0) return { plan: planSoleAgent(sole, 'none'), usage: NO_USAGE };
  const offered = await describeAgents(deps.directory, eligible);
  run.deadline.signal.throwIfAborted();
  const [first, ...rest] = offered;
  if (first === undefined) throw allDown(eligible);
  if (rest.length === 0) return { plan: planSoleAgent(first.agent, 'none'), usage: NO_USAGE };
  return askPlanner(run, span, offered, deps);
}

async function askPlanner(run: Run, span: Span, offered: readonly DescribedAgent[], deps: PlanningDeps): Promise<ChosenPlan> {
  const maxSlices = needsSoleAuthor(run.request) ? 1 : MAX_SLICES;
  const question: PlannerQuestion = { offered, question: questionOf(run.request), earlier: earlierOf(run.request), maxSlices };
  let usage: Usage = NO_USAGE;
  try {
    const answer = await askWithinTime(run, span, question, deps);
    usage = answer.usage;
    return { plan: { planner: 'model', slices: parsePlan(answer.plan, question) }, usage };
  } catch (thrown) {
    run.deadline.signal.throwIfAborted();
    // One agent's answer is worth more to a person than the news that a planner failed; log and report tell of it.
    span.log('plan.rejected', { error: thrown });
    const { agent } = findBestMatch(offered, question.question);
    return { plan: planSoleAgent(agent, 'fallback'), usage };
  }
}

async function askWithinTime(run: Run, span: Span, question: PlannerQuestion, deps: PlanningDeps): Promise<PlannerAnswer> {
  // With less time of its own, the run ends it: a timer for that time could be the first of the two, and an agent would be asked in vain.
  const deadline = createDeadline({ timeoutMs: deps.plannerTimeoutMs, callerSignal: run.deadline.signal });
  try {
    return await deps.plannerModel(question, { signal: deadline.signal, span });
  } finally {
    deadline.clear();
  }
}
