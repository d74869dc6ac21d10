import type { ResolveSessionRequest, ResolveSessionResponse } from '@rubot/contracts/sessions';
import { refuseSession } from '../../refusal.ts';
import type { SessionStore } from '../../store/sessions.ts';

export interface ResolvedSession {
  readonly answer: ResolveSessionResponse;
  /** The session was seen for the first time. */
  readonly isNew: boolean;
}

/**
 * Whose session it is, and what its sender may use. The tenant is the sender's current one and not the session's,
 * so that unbinding the sender ends every session of theirs.
 *
 * @throws RubotError `forbidden` for a session of another sender
 */
export async function resolveSession(sessions: SessionStore, request: ResolveSessionRequest): Promise<ResolvedSession> {
  const { ownerId, tenant, isNew } = await sessions.claim(request);
  if (ownerId !== undefined && ownerId !== request.sender_id) throw refuseSession();
  if (tenant === undefined) return { answer: { status: 'unlinked' }, isNew };
  const allowedAgents = tenant.agentPolicy === 'all' ? null : [...tenant.enabledAgents];
  return { answer: { status: 'linked', tenant_id: tenant.tenantId, allowed_agents: allowedAgents }, isNew };
}
