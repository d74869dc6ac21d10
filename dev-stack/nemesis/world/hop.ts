import { HEADERS } from '@rubot/contracts/headers';

/** The keys of a world that lives for minutes on loopback. */
export const GATEWAY_KEY = 'nemesis-of-the-gateway-0123456789abcdef';
export const AGENT_KEY = 'nemesis-of-the-agents-0123456789abcdef';

export interface Sender {
  readonly tenantId: string;
  readonly senderId: string;
}

/** What the gateway sends along with every request of a sender; these orchestrators have no gateway before them. */
export function toHopHeaders({ tenantId, senderId }: Sender): Record<string, string> {
  return {
    authorization: `Bearer ${GATEWAY_KEY}`,
    [HEADERS.tenantId]: tenantId,
    [HEADERS.sessionId]: `nemesis:${senderId}`,
    [HEADERS.senderId]: senderId,
    [HEADERS.dataBearer]: 'a-data-bearer-that-opens-nothing',
    [HEADERS.bearerGrant]: 'a-grant-that-never-ends',
    [HEADERS.allowedAgents]: '*',
    [HEADERS.wire]: '1',
  };
}
