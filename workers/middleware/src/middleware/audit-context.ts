import type { Span } from '@rubot/logging/span';
import type { AuditContext } from '../store/audit/auditing.ts';

export function toAuditContext(actor: string, span: Span): AuditContext {
  return {
    actor,
    traceId: span.traceId,
    reportLost: ({ action, target }, error) => span.log('audit.failed', { error, extra: { action, target } }),
  };
}
