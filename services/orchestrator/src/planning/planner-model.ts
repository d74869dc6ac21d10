import type { Usage } from '@rubot/contracts/chat-response';
import type { Span } from '@rubot/logging/span';
import type { DescribedAgent } from '../agents/eligible.ts';

export interface PlannerQuestion {
  readonly offered: readonly DescribedAgent[];
  readonly question: string;
  /** What was said before, so that a question such as "and by supplier?" can be understood. */
  readonly earlier: readonly EarlierMessage[];
  readonly maxSlices: number;
}

export interface EarlierMessage {
  readonly role: string;
  readonly text: string;
}

export interface PlannerAnswer {
  /** Whatever the model said; not to be trusted before it is parsed. */
  readonly plan: unknown;
  readonly usage: Usage;
}

/** The one thing that planning needs of a model. */
export type PlannerModel = (
  question: PlannerQuestion,
  context: { readonly signal: AbortSignal; readonly span: Span },
) => Promise<PlannerAnswer>;
