import type { LanguageModelV4, LanguageModelV4CallOptions, LanguageModelV4StreamPart, SharedV4Warning } from '@ai-sdk/provider';
import { HEADERS } from '@rubot/contracts/headers';
import { RubotError } from '@rubot/errors';
import type { Span } from '@rubot/logging/span';
import { toTraceHeaders } from '@rubot/logging/trace-context';
import type { Model } from './create-model.ts';
import { toInterruption, toModelFailure, toStreamFailure } from './model-failure.ts';
import { toCallUsage } from './usage.ts';

// The SDK would print its warnings as bare text among our lines of JSON; the span of the call carries them.
Reflect.set(globalThis, 'AI_SDK_LOG_WARNINGS', false);

/**
 * The model under a span: each call is a client span of its own (`model.completed`) whose `traceparent` goes to the
 * provider, and each failure is a RubotError. In a stream a failure is an `error` part, behind every part that came
 * before it; only the caller's own abort breaks the stream.
 */
export function observeModel(model: Model, span: Span): LanguageModelV4 {
  const inner = model.languageModel;
  return {
    specificationVersion: 'v4',
    provider: inner.provider,
    modelId: inner.modelId,
    supportedUrls: inner.supportedUrls,
    async doGenerate(options) {
      const call = startCall(model, span);
      try {
        const result = await inner.doGenerate(withTrace(options, call));
        const { prompt_tokens, completion_tokens } = toCallUsage(result.usage);
        call.end({ extra: toExtra(model, result.warnings, { input_tokens: prompt_tokens, output_tokens: completion_tokens }) });
        return result;
      } catch (thrown) {
        throw endFailed(model, call, options, thrown);
      }
    },
    async doStream(options) {
      const call = startCall(model, span);
      try {
        const result = await inner.doStream(withTrace(options, call));
        return { ...result, stream: observeStream({ model, call, options, stream: result.stream }) };
      } catch (thrown) {
        throw endFailed(model, call, options, thrown);
      }
    },
  };
}

function startCall(model: Model, span: Span): Span {
  return span.child({ event: 'model.completed', name: `chat ${model.specifier}`, kind: 'client', peer: model.provider });
}

/** Our own trace header stays with us: a provider has no use for it. */
function withTrace(options: LanguageModelV4CallOptions, call: Span): LanguageModelV4CallOptions {
  const traceparent = toTraceHeaders(call)[HEADERS.traceparent];
  return { ...options, headers: { ...options.headers, [HEADERS.traceparent]: traceparent } };
}

function endFailed(model: Model, call: Span, { abortSignal }: LanguageModelV4CallOptions, thrown: unknown): unknown {
  const failure = abortSignal?.aborted === true ? abortSignal.reason : toModelFailure(thrown);
  call.end({ error: failure, extra: { model: model.specifier } });
  return failure;
}

function toExtra(model: Model, warnings: readonly SharedV4Warning[], counts: Record<string, unknown>): Record<string, unknown> {
  const ignored = warnings.map((warning) => ('feature' in warning ? warning.feature : warning.type));
  return { model: model.specifier, ...counts, ...(ignored.length === 0 ? {} : { ignored_settings: ignored }) };
}

interface ObserveStreamOptions {
  readonly model: Model;
  readonly call: Span;
  readonly options: LanguageModelV4CallOptions;
  readonly stream: ReadableStream<LanguageModelV4StreamPart>;
}

function observeStream({ model, call, options, stream }: ObserveStreamOptions): ReadableStream<LanguageModelV4StreamPart> {
  const reader = stream.getReader();
  let warnings: readonly SharedV4Warning[] = [];
  let hasFinished = false;

  function look(part: LanguageModelV4StreamPart): void {
    if (part.type === 'stream-start') warnings = part.warnings;
    if (part.type === 'error') throw toStreamFailure(part.error);
    if (part.type !== 'finish') return;
    const { unified, raw } = part.finishReason;
    if (unified === 'interrupted' || unified === 'error') throw toInterruption(`the stream finished as ${unified}`);
    hasFinished = true;
    const { prompt_tokens, completion_tokens } = toCallUsage(part.usage);
    const counts = { input_tokens: prompt_tokens, output_tokens: completion_tokens, finish_reason: raw ?? unified };
    call.end({ extra: toExtra(model, warnings, counts) });
  }

  return new ReadableStream<LanguageModelV4StreamPart>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (!done) {
            look(value);
            controller.enqueue(value);
            return;
          }
          if (!hasFinished) throw toInterruption('the stream ended without a finish part');
        } catch (thrown) {
          const failure = endFailed(model, call, options, thrown);
          if (options.abortSignal?.aborted === true) return controller.error(failure);
          controller.enqueue({ type: 'error', error: failure });
          await reader.cancel(failure).catch(ignoreBrokenStream);
        }
        controller.close();
      },
      cancel(reason) {
        endFailed(
          model,
          call,
          options,
          RubotError.is(reason) ? reason : new RubotError('cancelled', 'The answer of the model was not read to its end.'),
        );
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

// The stream is already known to be broken.
function ignoreBrokenStream(): void {}
