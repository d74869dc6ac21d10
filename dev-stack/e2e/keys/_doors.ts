import { HEADERS } from '@rubot/contracts/headers';
import { DEMO } from '../../src/seed/demo.ts';
import { bearer, type Clients } from './_deeds.ts';
import type { Fleet } from './_fleet.ts';
import { type SignedTokens, signTokens } from './_signed.ts';

/** A place where a secret, or what was signed with it, is shown. */
export interface Door {
  readonly secretName: string;
  readonly place: string;
  /** The status of the answer to one who holds this. */
  show(secret: string): Promise<number>;
}

/** Every place that asks for one of the secrets that travel or sign; what is sealed is in the database. */
export function findDoors(fleet: Fleet, { secretOf }: Clients, tokenId: string): readonly Door[] {
  const [gateway, middleware, orchestrator] = [fleet.urlOf('gateway'), fleet.urlOf('middleware'), fleet.urlOf('orchestrator')];
  const toDemo = { [HEADERS.sessionId]: DEMO.session_id, [HEADERS.senderId]: DEMO.sender_id, [HEADERS.tenantId]: DEMO.tenant_id };

  function keyDoor(secretName: string, place: string, headers: Readonly<Record<string, string>> = {}): Door {
    return { secretName, place, show: (secret) => statusOf(place, { ...bearer(secret), ...headers }) };
  }

  function signatureDoor(kind: keyof SignedTokens, show: (token: string) => Promise<number>): Door {
    return {
      secretName: 'BEARER_SIGNING_SECRET',
      place: `wherever a ${kind} bearer is shown`,
      show: async (secret) => show((await signTokens(secret, tokenId))[kind]),
    };
  }

  return [
    keyDoor('GATEWAY_API_KEY', `${gateway}/v1/models`, { [HEADERS.sessionId]: DEMO.session_id, [HEADERS.senderId]: DEMO.sender_id }),
    keyDoor('GATEWAY_API_KEY', `${orchestrator}/v1/models`, toDemo),
    keyDoor('GATEWAY_API_KEY', `${orchestrator}/admin/dead-letters`),
    keyDoor('ORCHESTRATOR_API_KEY', `${fleet.urlOf('agent-tables')}/v1/capabilities`),
    keyDoor('MIDDLEWARE_API_KEY', `${middleware}/internal/tenants`),
    keyDoor('ADMIN_API_KEY', `${gateway}/admin/tenants`),
    keyDoor('METRICS_API_KEY', `${orchestrator}/metrics`),
    signatureDoor('data', (token) => statusOf(`${middleware}/data/${DEMO.tenant_id}/tools`, bearer(token))),
    signatureDoor('grant', (grant) => statusOf(`${gateway}/internal/bearers`, bearer(secretOf('GATEWAY_API_KEY')), { grant })),
    signatureDoor('action', (token) => statusOf(`${gateway}/v1/models`, bearer(token))),
  ];
}

async function statusOf(url: string, headers: Readonly<Record<string, string>>, body?: unknown): Promise<number> {
  const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const response = await fetch(url, { ...init, headers: { ...headers, 'content-type': 'application/json' } });
  await response.arrayBuffer();
  return response.status;
}
