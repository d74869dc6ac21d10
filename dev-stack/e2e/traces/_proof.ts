import type { ModelExchange } from '@rubot/testkit/model-upstream';
import { checkCompleteness } from '@rubot/traces/check-completeness';
import { type Trace, walkSpans } from '@rubot/traces/trace';

/** Every service that a tool-using completion passes. */
const SERVICES = ['rubot-gateway', 'rubot-middleware', 'rubot-orchestrator', 'rubot-agent-tables'];

/** What is missing from the trace of one completion: none when every hop is there, the model's included. */
export function findProblems(trace: Trace, modelRequests: readonly ModelExchange[]): readonly string[] {
  return [...checkCompleteness(trace, { requiredServices: SERVICES }), ...checkModelCalls(trace, modelRequests)];
}

/** A model writes no lines of ours, so its end of the hop is what it was told: the span that calls it. */
function checkModelCalls(trace: Trace, modelRequests: readonly ModelExchange[]): readonly string[] {
  const told = modelRequests.map(({ headers }) => headers['traceparent']);
  const calls = [...walkSpans(trace.roots)].map(({ span }) => span).filter(({ event }) => event === 'model.completed');
  const untold = calls.filter(
    ({ spanId }) => told.filter((traceparent) => traceparent === `00-${trace.traceId}-${spanId}-01`).length !== 1,
  );
  return untold.map(({ service, name }) => `${service} called the model (${name}), but the model was not told of that call`);
}

/** The tree in words, one span a line, the called indented under their callers. */
export function outline(trace: Trace): string {
  return [...walkSpans(trace.roots)]
    .map(({ span, depth }) => {
      const who = span.kind === 'client' ? `${span.service} → ${span.peer}` : span.service;
      return `${'  '.repeat(depth)}${who.replaceAll('rubot-', '')}: ${span.name}`;
    })
    .join('\n');
}
