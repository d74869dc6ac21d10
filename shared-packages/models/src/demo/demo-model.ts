import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4Content,
  LanguageModelV4FinishReason,
  LanguageModelV4StreamPart,
  LanguageModelV4Usage,
} from '@ai-sdk/provider';
import type { DemoTurn } from './tool-bench.ts';
import { takeTurn } from './turn.ts';

/**
 * `demo/scripted`: a model of rules, without weights and without a network, so that the whole platform runs before any
 * provider is set up. It drives the real path: it plans, calls the tools that it is offered and answers from their results.
 */
export function createDemoModel(): LanguageModelV4 {
  return {
    specificationVersion: 'v4',
    provider: 'demo',
    modelId: 'demo/scripted',
    supportedUrls: {},
    async doGenerate(options) {
      const turn = takeTurn(options);
      return { content: toContent(turn), finishReason: toFinishReason(turn), usage: countTokens(options, turn), warnings: [] };
    },
    async doStream(options) {
      const parts = toParts(options, takeTurn(options))[Symbol.iterator]();
      return {
        stream: new ReadableStream<LanguageModelV4StreamPart>(
          {
            pull(controller) {
              options.abortSignal?.throwIfAborted();
              const { done, value } = parts.next();
              if (done === true) controller.close();
              else controller.enqueue(value);
            },
          },
          { highWaterMark: 0 },
        ),
      };
    },
  };
}

function toContent(turn: DemoTurn): LanguageModelV4Content[] {
  if ('text' in turn) return [{ type: 'text', text: turn.text }];
  const calls = turn.calls.map((call) => ({ ...call, type: 'tool-call' as const, input: JSON.stringify(call.input) }));
  return turn.said === undefined ? calls : [{ type: 'text', text: turn.said }, ...calls];
}

function* toParts(options: LanguageModelV4CallOptions, turn: DemoTurn): Generator<LanguageModelV4StreamPart, void, undefined> {
  yield { type: 'stream-start', warnings: [] };
  for (const content of toContent(turn)) {
    if (content.type === 'text') yield* toTextParts(content.text);
    if (content.type === 'tool-call') yield content;
  }
  yield { type: 'finish', finishReason: toFinishReason(turn), usage: countTokens(options, turn) };
}

/** A word at a time, as models stream. */
function* toTextParts(text: string): Generator<LanguageModelV4StreamPart, void, undefined> {
  yield { type: 'text-start', id: 'text' };
  for (const delta of text.match(/\s*\S+/g) ?? []) yield { type: 'text-delta', id: 'text', delta };
  yield { type: 'text-end', id: 'text' };
}

function toFinishReason(turn: DemoTurn): LanguageModelV4FinishReason {
  return 'text' in turn ? { unified: 'stop', raw: 'stop' } : { unified: 'tool-calls', raw: 'tool_calls' };
}

const CHARACTERS_PER_TOKEN = 4;

/** An estimate, as there is no tokenizer: about what English text comes to. */
function countTokens(options: LanguageModelV4CallOptions, turn: DemoTurn): LanguageModelV4Usage {
  const input = Math.ceil(JSON.stringify(options.prompt).length / CHARACTERS_PER_TOKEN);
  const output = Math.ceil(JSON.stringify(turn).length / CHARACTERS_PER_TOKEN);
  return {
    inputTokens: { total: input, noCache: input, cacheRead: undefined, cacheWrite: undefined },
    outputTokens: { total: output, text: output, reasoning: undefined },
  };
}
