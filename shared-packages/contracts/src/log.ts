import { z } from 'zod';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What a line says about an error: never a stack or text from an upstream body unless the operator asked for it. */
const LogError = z.strictObject({
  code: z.string(),
  message: z.string(),
  detail: z.string().optional(),
  stack: z.string().optional(),
});

const AgentToolCall = z.strictObject({
  name: z.string(),
  duration_ms: z.number(),
  ok: z.boolean(),
});

const AgentStep = z.strictObject({
  index: z.number().int(),
  finish_reason: z.string(),
  input_tokens: z.number().int(),
  output_tokens: z.number().int(),
  duration_ms: z.number(),
  tool_calls: z.array(AgentToolCall),
});

/** One agent run, for cost and quality dashboards; `signals` names problems such as `tool_failed` or `step_limit`. */
export const AgentLog = z.strictObject({
  schema: z.literal('agent_log_v1'),
  agent_id: z.string(),
  provider: z.string(),
  model: z.string(),
  steps: z.array(AgentStep),
  input_tokens: z.number().int(),
  output_tokens: z.number().int(),
  cost_usd: z.number().nullable(),
  signals: z.array(z.string()),
});
export type AgentLog = z.infer<typeof AgentLog>;

/** Every line of every service. A field that does not apply is left out; none is ever `null`. */
export const LogLine = z.strictObject({
  timestamp: z.iso.datetime(),
  log_level: z.enum(LOG_LEVELS),
  service: z.string(),
  component: z.string().optional(),
  environment: z.string(),
  deployment_hash: z.string(),
  tenant_id: z.string().optional(),
  chat_source_session_id: z.string().optional(),
  sender_id: z.string().optional(),
  run_id: z.string().optional(),
  trace_id: z.string().optional(),
  span_id: z.string().optional(),
  parent_span_id: z.string().optional(),
  event_type: z.string(),
  message: z.string(),
  duration_ms: z.number().optional(),
  error: LogError.optional(),
  extra: z.record(z.string(), z.unknown()).optional(),
  agent: AgentLog.optional(),
});
export type LogLine = z.infer<typeof LogLine>;

/** A line with a span id and a duration is a finished span; `extra.span_kind` says which side of a call it stood on. */
export const SPAN_KINDS = ['server', 'client', 'internal'] as const;
export type SpanKind = (typeof SPAN_KINDS)[number];
