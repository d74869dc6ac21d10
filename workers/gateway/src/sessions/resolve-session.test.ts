import type { ResolveSessionRequest, ResolveSessionResponse } from '@rubot/contracts/sessions';
import { createDeadline } from '@rubot/http/deadline';
import { createLogger } from '@rubot/logging';
import { COMMON_EVENTS } from '@rubot/logging/events';
import { startSpan } from '@rubot/logging/span';
import { expect, it, onTestFinished } from 'vitest';
import { createSessionResolver } from './resolve-session.ts';

function createContext() {
  const source = { service: 'test', environment: 'test', deploymentHash: 'test', level: 'error' } as const;
  const logger = createLogger({ source, events: COMMON_EVENTS, sink: () => {} });
  const deadline = createDeadline({ timeoutMs: 10_000 });
  onTestFinished(() => deadline.clear());
  const span = startSpan({
    logger,
    traceId: 'a'.repeat(32),
    parentSpanId: undefined,
    event: 'request.completed',
    name: 'test',
    kind: 'server',
  });
  return { span, deadline };
}

it('keeps apart what a token and what the chat source is told of one sender', async () => {
  async function resolveSession({ tenant_id: tenantId }: ResolveSessionRequest): Promise<ResolveSessionResponse> {
    if (tenantId === 'other') return { status: 'unlinked' };
    return { status: 'linked', tenant_id: 'acme', allowed_agents: null };
  }
  const sessions = createSessionResolver({ resolveSession });
  const [context, sender] = [createContext(), { session_id: 's', sender_id: '+1' }];
  expect(await sessions.askAgain({ ...sender, tenant_id: 'other' }, context)).toMatchObject({ answer: { status: 'unlinked' } });
  expect(await sessions.askAgain(sender, context)).toMatchObject({ answer: { status: 'linked' } });
});
