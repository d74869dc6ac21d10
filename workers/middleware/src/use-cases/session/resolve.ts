import type { ResolveSessionRequest, ResolveSessionResponse } from '@rubot/contracts/sessions';
import { refuseSession } from '../../refusal.ts';
import type { Auditing } from '../../store/audit/auditing.ts';
import type { Store } from '../../store/store.ts';

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
export async function resolveSession(
  { sessions, audit }: Pick<Store, 'sessions' | 'audit'>,
  auditing: Auditing,
  request: ResolveSessionRequest,
): Promise<ResolvedSession> {
  const { ownerId, tenant, isNew } = await sessions.claim(request);
  if (tenant === undefined) return { answer: { status: 'unlinked' }, isNew };
  const { tenantId, agentPolicy, enabledAgents, limits } = tenant;
  if (ownerId !== undefined && ownerId !== request.sender_id) {
    const refusal = refuseSession();
    const details = { sender_id: request.sender_id, reason: refusal.operatorDetail };
    const target = `session:${request.session_id}`;
    await audit.append(auditing, { chain: tenantId, action: 'access.refused', target, outcome: 'refused', details });
    throw refusal;
  }
  const allowedAgents = agentPolicy === 'all' ? null : [...enabledAgents];
  return { answer: { status: 'linked', tenant_id: tenantId, allowed_agents: allowedAgents, limits }, isNew };
}
