import type { Limits } from '@rubot/contracts/limits';
import type { ResolveSessionRequest } from '@rubot/contracts/sessions';
import { and, eq, type SQL, sql } from 'drizzle-orm';
import { type Database, runBatch } from './database.ts';
import { identityBindings, sessions, tenantAgents, tenants } from './schema.ts';

export interface SessionOwner {
  /** The sender that the session belongs to; `undefined` while nobody of the tenant has used it, and for a sender without one. */
  readonly ownerId: string | undefined;
  readonly isNew: boolean;
  /** The asking sender's tenant; `undefined` for one that is not linked. */
  readonly tenant: AskingTenant | undefined;
}

interface AskingTenant {
  readonly tenantId: string;
  readonly agentPolicy: 'all' | 'listed';
  readonly enabledAgents: readonly string[];
  readonly limits: Limits;
}

export interface SessionStore {
  /** Gives a session that nobody owns to a linked sender; of two that ask at once, one gets it and both see who. */
  claim(request: ResolveSessionRequest): Promise<SessionOwner>;
}

export function createSessionStore(database: Database): SessionStore {
  return {
    async claim(request) {
      const { session_id: sessionId } = request;
      const isAsking = isBoundAs(request);
      const [claimed, [session], [tenant], agents] = await runBatch(database, [
        insertForLinkedSender(database, sessionId, isAsking),
        database
          .select({ senderId: sessions.senderId })
          .from(sessions)
          .innerJoin(identityBindings, eq(identityBindings.tenantId, sessions.tenantId))
          .where(and(isAsking, eq(sessions.sessionId, sessionId))),
        database
          .select({ tenantId: identityBindings.tenantId, agentPolicy: tenants.agentPolicy, limits: tenants.limits })
          .from(identityBindings)
          .innerJoin(tenants, eq(tenants.tenantId, identityBindings.tenantId))
          .where(isAsking),
        database
          .select({ agentId: tenantAgents.agentId })
          .from(tenantAgents)
          .innerJoin(identityBindings, eq(identityBindings.tenantId, tenantAgents.tenantId))
          .where(and(isAsking, eq(tenantAgents.enabled, true)))
          .orderBy(tenantAgents.agentId),
      ]);
      return {
        ownerId: session?.senderId,
        isNew: claimed.length > 0,
        tenant: tenant === undefined ? undefined : { ...tenant, enabledAgents: agents.map(({ agentId }) => agentId) },
      };
    },
  };
}

/** The binding of the asking sender; none where it is bound to another tenant than the one that was named. */
function isBoundAs({ sender_id: senderId, tenant_id: tenantId }: ResolveSessionRequest): SQL | undefined {
  return and(eq(identityBindings.senderId, senderId), tenantId === undefined ? undefined : eq(identityBindings.tenantId, tenantId));
}

/** Selects from the bindings, so that a sender without one cannot take a session from whoever it belongs to. */
function insertForLinkedSender(database: Database, sessionId: string, isAsking: SQL | undefined) {
  return database
    .insert(sessions)
    .select((query) =>
      query
        .select({
          tenantId: identityBindings.tenantId,
          sessionId: sql`${sessionId}`.as('session_id'),
          senderId: identityBindings.senderId,
          createdAt: sql`${new Date().toISOString()}`.as('created_at'),
        })
        .from(identityBindings)
        .where(isAsking),
    )
    .onConflictDoNothing()
    .returning();
}
