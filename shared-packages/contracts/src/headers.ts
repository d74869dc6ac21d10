/** Every header that rubot reads or writes, lower-case as fetch normalises them. */
export const HEADERS = {
  traceId: 'x-rubot-trace-id',
  runId: 'x-rubot-run-id',
  apiVersion: 'x-rubot-api-version',
  wire: 'x-rubot-wire',
  errorCode: 'x-rubot-error-code',
  timeoutMs: 'x-rubot-timeout-ms',
  dataBearer: 'x-rubot-data-bearer',
  allowedAgents: 'x-rubot-allowed-agents',
  sliceId: 'x-rubot-slice-id',
  steps: 'x-rubot-steps',
  tenantId: 'x-tenant-id',
  sessionId: 'x-chat-source-session-id',
  senderId: 'x-chat-source-sender-id',
  traceparent: 'traceparent',
  requestId: 'x-request-id',
  onDisconnect: 'x-rubot-on-disconnect',
  priority: 'x-rubot-priority',
  memory: 'x-rubot-memory',
  sessionStrategy: 'x-rubot-session-strategy',
  bearerGrant: 'x-rubot-bearer-grant',
  decisions: 'x-rubot-decisions',
  limits: 'x-rubot-limits',
  actor: 'x-rubot-actor',
  lastEventId: 'last-event-id',
  shouldRetry: 'x-should-retry',
  idempotencyKey: 'idempotency-key',
  idempotentReplayed: 'idempotent-replayed',
} as const;

/** Value of `x-rubot-api-version` on every public response. */
export const API_VERSION = 'v1';

/** Value of `x-rubot-wire` between services; a reader accepts this one and the one before. */
export const WIRE_VERSION = 1;
export const ACCEPTED_WIRE_VERSIONS: readonly number[] = [1];

/** `x-rubot-allowed-agents` when the tenant may use every registered agent; an empty value means none. */
const ALL_AGENTS = '*';

export function formatAllowedAgents(agentIds: readonly string[] | null): string {
  return agentIds === null ? ALL_AGENTS : agentIds.join(',');
}

/** `null` means every agent. A missing header means none: grants are denied by default. */
export function parseAllowedAgents(value: string | null | undefined): readonly string[] | null {
  if (value === ALL_AGENTS) return null;
  return (value ?? '').split(',').filter((agentId) => agentId !== '');
}
