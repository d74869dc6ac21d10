import { randomBytes } from 'node:crypto';

/** One time that the model was asked, which somebody pays for. */
export interface ModelCall {
  /** Drawn anew each time, as a model words the same thing twice in two ways; it marks every word and tool call of the answer. */
  readonly id: string;
  readonly runId: string;
  readonly step: number;
  /** The orchestrator that had it asked. */
  readonly seat: string;
  readonly atMs: number;
}

/** One change of the world by a tool. */
export interface Effect {
  readonly key: string;
  readonly runId: string;
  readonly step: number;
  /** The model call that asked for it. */
  readonly modelCallId: string;
}

/** What the world remembers of what agents did, beside the database and whatever becomes of it. Nothing is ever taken from it. */
export interface Ledger {
  readonly modelCalls: readonly ModelCall[];
  readonly effects: readonly Effect[];
  /** Tool calls that came again under a key whose effect was had: they were answered, and changed nothing. */
  repeats(): number;
  askModel(call: Omit<ModelCall, 'id' | 'atMs'>): ModelCall;
  /** A tool that commits with its key. */
  callTool(effect: Effect): void;
}

export function createLedger(): Ledger {
  const modelCalls: ModelCall[] = [];
  const effects: Effect[] = [];
  const keys = new Set<string>();
  let repeats = 0;

  return {
    modelCalls,
    effects,
    repeats: () => repeats,
    askModel(call) {
      const asked = { ...call, id: `m${randomBytes(6).toString('hex')}`, atMs: performance.now() };
      modelCalls.push(asked);
      return asked;
    },
    callTool(effect) {
      if (keys.has(effect.key)) {
        repeats += 1;
        return;
      }
      keys.add(effect.key);
      effects.push(effect);
    },
  };
}

/** The tool call of a model's answer, which names the answer; and back. */
export function toToolCallId({ id, step }: Pick<ModelCall, 'id' | 'step'>): string {
  return `call_${id}_${step}`;
}

export function fromToolCallId(toolCallId: string): Pick<Effect, 'modelCallId' | 'step'> {
  const [, modelCallId = '', step = ''] = /^call_(m[0-9a-f]+)_(\d+)$/.exec(toolCallId) ?? [];
  return { modelCallId, step: Number(step) };
}

const MARK = /\bm[0-9a-f]{12}\b/g;

/** The model calls whose words are in a text. */
export function findMarks(text: string): readonly string[] {
  return [...new Set(text.match(MARK))];
}
