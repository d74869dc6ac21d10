import { HEADERS } from '@rubot/contracts/headers';
import type { CallerLimits } from '@rubot/contracts/limits';

/** The keys of a world that lives for minutes on loopback. */
export const GATEWAY_KEY = 'nemesis-of-the-gateway-0123456789abcdef';
export const AGENT_KEY = 'nemesis-of-the-agents-0123456789abcdef';

export interface Sender {
  readonly tenantId: string;
  readonly senderId: string;
}

/** Never reached: what matters is that nothing stays taken of them, whoever dies. */
const LIMITS = JSON.stringify({ tenant: { concurrent_runs: 1_000_000, tokens_per_minute: 1_000_000_000 } } satisfies CallerLimits);

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
    [HEADERS.limits]: LIMITS,
  };
}
