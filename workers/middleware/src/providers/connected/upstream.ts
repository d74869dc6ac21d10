import type { ConnectionAuth } from '@rubot/contracts/connections';
import { RubotError } from '@rubot/errors';
import { presentCredential } from '../credential/present.ts';
import { createScrub, type Scrub } from '../credential/scrub.ts';
import type { GuardedFetch } from '../outbound/guarded-fetch.ts';

/** One system of a tenant, let in by the tenant's credential. */
export interface Upstream {
  /** As models and persons know it. */
  readonly providerId: string;
  readonly url: string;
  /** With the credential, which goes to no other origin. */
  readonly fetch: GuardedFetch;
  /** For all that comes from there. */
  readonly scrub: Scrub;
}

export interface UpstreamOptions {
  readonly providerId: string;
  readonly url: string;
  readonly auth: ConnectionAuth;
  readonly credential: string | undefined;
  readonly fetch: GuardedFetch;
}

/** @throws RubotError `misconfigured` when the credential is gone */
export function openUpstream({ providerId, url, auth, credential, fetch }: UpstreamOptions): Upstream {
  const presented = presentCredential(auth, credential);
  const { origin } = new URL(url);
  return {
    providerId,
    url,
    scrub: createScrub(credential),
    fetch(request, call) {
      if (new URL(request.url).origin !== origin) throw new RubotError('internal', 'A request of a connection went to another origin.');
      const headers = new Headers(request.headers);
      headers.set('user-agent', USER_AGENT);
      for (const [name, value] of presented) headers.set(name, value);
      return fetch({ ...request, headers }, call);
    },
  };
}

/** Some APIs refuse requests without one. */
const USER_AGENT = 'rubot';
