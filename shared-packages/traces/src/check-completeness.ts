import { GATEWAY_SERVICE, OWN_SERVICE_PREFIX, type Trace, type TraceSpan, walkSpans } from './trace.ts';

export interface CompletenessOptions {
  /** Services that must have a span in the trace; a name may end in `*`, as in `rubot-agent-*`. */
  readonly requiredServices?: readonly string[];
}

/**
 * What is missing from a trace, one sentence each; none when it is whole. A whole trace has one root, the gateway's
 * server span; every other span has its parent; and every call to a rubot service was logged by that service too.
 * A hop that drops the trace header is seen by the last rule: its callee's lines are in another trace.
 */
export function checkCompleteness(trace: Trace, { requiredServices = [] }: CompletenessOptions = {}): readonly string[] {
  if (trace.roots.length === 0) return ['no span of this trace has ended yet, or none was logged'];
  const spans = [...walkSpans(trace.roots)].map(({ span }) => span);
  return [...checkRoots(trace.roots), ...spans.flatMap(checkCall), ...checkServices(spans, requiredServices)];
}

function checkRoots(roots: readonly TraceSpan[]): readonly string[] {
  const begins = roots.filter(isBegin);
  const problems = roots.filter((root) => !isBegin(root)).map(toOrphanProblem);
  if (begins.length === 0) return [`the server span of ${GATEWAY_SERVICE}, which begins a trace, is missing`, ...problems];
  if (begins.length > 1) return [`${begins.length} requests to ${GATEWAY_SERVICE} share this trace id`, ...problems];
  return problems;
}

/** The client may have begun the trace, so the gateway's span may name a parent that is the client's own. */
function isBegin(root: TraceSpan): boolean {
  return root.service === GATEWAY_SERVICE && root.kind === 'server';
}

function toOrphanProblem(root: TraceSpan): string {
  const where = root.parentSpanId === undefined ? 'names no parent' : `names ${root.parentSpanId} as its parent, which is not in the trace`;
  return `${root.service} ${root.name} ${where}`;
}

function checkCall(span: TraceSpan): readonly string[] {
  if (span.kind !== 'client' || span.peer === undefined || !span.peer.startsWith(OWN_SERVICE_PREFIX)) return [];
  const answers = span.children.filter((child) => child.kind === 'server' && child.service === span.peer).length;
  // A call that failed may never have arrived.
  if (answers === 1 || (answers === 0 && span.error !== undefined)) return [];
  const found = answers === 0 ? 'no server span' : `${answers} server spans`;
  return [`${span.service} called ${span.peer} (${span.name}), but the trace has ${found} of ${span.peer} under that call`];
}

function checkServices(spans: readonly TraceSpan[], requiredServices: readonly string[]): readonly string[] {
  const missing = requiredServices.filter((required) => !spans.some((span) => matches(span.service, required)));
  return missing.map((required) => `no span of ${required}`);
}

function matches(service: string, required: string): boolean {
  return required.endsWith('*') ? service.startsWith(required.slice(0, -1)) : service === required;
}
