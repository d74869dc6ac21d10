import { TABLES_PREFIX } from './catalogue.ts';
import type { Conversation, ToolOutcome } from './conversation.ts';

export interface DemoToolCall {
  readonly toolCallId: string;
  readonly toolName: string;
  readonly input: unknown;
}

/** What the demo model does next: it speaks, or it calls tools, of which it may say a word before. */
export type DemoTurn = { readonly text: string } | { readonly calls: readonly DemoToolCall[]; readonly said?: string };

/**
 * Where rules get the results of tools. The rules run anew in each turn and ask for the same: what has come back is
 * handed out, what has not is called next.
 */
export interface ToolBench {
  /**
   * `undefined` until the result is there.
   *
   * @param announcement told to the person with the call, while it is made
   */
  call(toolName: string, input: unknown, announcement?: string): ToolOutcome | undefined;
  /** What was asked for and is not there yet. */
  readonly calls: readonly DemoToolCall[];
  readonly announcements: readonly string[];
}

/** What tables there are stays true for a while; everything else is asked anew for each question. */
const KEPT = new Set(['tables_list', 'tables_describe']);

export function createToolBench({ outcomes, freshOutcomes, toolCallCount }: Conversation): ToolBench {
  const kept = outcomes.filter(({ toolName, failure }) => KEPT.has(toolName) && failure === undefined);
  const known = [...kept, ...freshOutcomes];
  const calls = new Map<string, DemoToolCall>();
  const announcements: string[] = [];

  /** Clients may hand a call back in other words; never is the same asked twice for that. */
  function findSole(toolName: string): ToolOutcome | undefined {
    if (toolName.startsWith(TABLES_PREFIX)) return undefined;
    return freshOutcomes.findLast((candidate) => candidate.toolName === toolName);
  }

  return {
    call(toolName, input, announcement) {
      const key = toKey(toolName, input);
      const outcome = known.findLast((candidate) => toKey(candidate.toolName, candidate.input) === key) ?? findSole(toolName);
      // Counted over the whole conversation, so that no id comes twice.
      if (outcome === undefined && !calls.has(key)) {
        calls.set(key, { toolCallId: `call_demo_${toolCallCount + calls.size}`, toolName, input });
        if (announcement !== undefined) announcements.push(announcement);
      }
      return outcome;
    },
    get calls() {
      return [...calls.values()];
    },
    announcements,
  };
}

function toKey(toolName: string, input: unknown): string {
  return JSON.stringify([toolName, input]);
}
