import { randomBytes } from 'node:crypto';

/** One time that the model was asked, which somebody pays for. */
export interface ModelCall {
  /** Drawn anew each time, as a model words the same thing twice in two ways; it marks every word and tool call of the answer. */
  readonly id: string;
  /** Of the run for which it was asked. */
  readonly traceId: string;
  readonly step: number;
  /** The orchestrator that had it asked. */
  readonly seat: string;
  readonly atMs: number;
}

/** One change of the world by a tool. */
export interface Effect {
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
  /** Commits with its key, as every tool that writes has to. */
  changeWorld(idempotencyKey: string): void;
}

export function createLedger(): Ledger {
  const modelCalls: ModelCall[] = [];
  const effects = new Map<string, Effect>();
  let repeats = 0;

  return {
    modelCalls,
    get effects() {
      return [...effects.values()];
    },
    repeats: () => repeats,
    askModel(call) {
      const asked = { ...call, id: `m${randomBytes(6).toString('hex')}`, atMs: performance.now() };
      modelCalls.push(asked);
      return asked;
    },
    changeWorld(idempotencyKey) {
      if (effects.has(idempotencyKey)) repeats += 1;
      else effects.set(idempotencyKey, toEffect(idempotencyKey));
    },
  };
}

/** A key names run, slice and call. */
function toEffect(idempotencyKey: string): Effect {
  const [runId = '', , toolCallId = ''] = idempotencyKey.split('/');
  return { runId, ...fromToolCallId(toolCallId) };
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
