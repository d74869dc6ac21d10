import type { RotatingSecret } from '@rubot/config/variable';
import type { ChallengeRequest, ChallengeResponse } from '@rubot/contracts/diagnosis';
import { ACCEPTED_WIRE_VERSIONS } from '@rubot/contracts/headers';
import { type NamedSecrets, PREVIOUS_SUFFIX } from './make-challenge.ts';
import { deriveChallengeKeys, matchProof } from './secret-proof.ts';

/** What a service says of itself to one who has proved a secret. */
export interface ServiceIdentity {
  readonly service: string;
  readonly environment: string;
  readonly deploymentHash: string;
}

export interface AnswererOptions {
  /** Those that another service shares, and no other. */
  readonly secrets: NamedSecrets;
  readonly identity: ServiceIdentity;
  /** Milliseconds of the current moment; injected by tests. */
  readonly now?: (() => number) | undefined;
}

export type ChallengeAnswerer = (request: ChallengeRequest) => Promise<ChallengeResponse>;

/**
 * Says of each proof whether it was made with the secret of that name. Open to anybody, as it is no oracle: it makes no code
 * of its own, so there is nothing to try words against; and a guess of 256 random bits is told here no sooner than at any
 * route that asks for the key.
 */
export function createChallengeAnswerer({ secrets, identity, now = Date.now }: AnswererOptions): ChallengeAnswerer {
  const held = new Map(Object.entries(secrets));

  return async function answerChallenge({ nonce, proofs }) {
    const verdicts = Object.entries(proofs).map(async ([entry, proof]) => [entry, await judge(held, entry, nonce, proof)] as const);
    const answers = await Promise.all(verdicts);
    const isProved = answers.some(([, verdict]) => verdict === 'current' || verdict === 'previous');
    return { secrets: Object.fromEntries(answers), ...(isProved ? { service: describe(identity, now()) } : {}) };
  };
}

async function judge(held: ReadonlyMap<string, RotatingSecret>, entry: string, nonce: string, proof: string): Promise<string> {
  const name = entry.endsWith(PREVIOUS_SUFFIX) ? entry.slice(0, -PREVIOUS_SUFFIX.length) : entry;
  const secret = held.get(name);
  return secret === undefined ? 'absent' : matchProof(await deriveChallengeKeys(name, secret), nonce, proof);
}

function describe({ service, environment, deploymentHash }: ServiceIdentity, nowMs: number): ChallengeResponse['service'] {
  return { name: service, environment, deployment_hash: deploymentHash, wire_versions: [...ACCEPTED_WIRE_VERSIONS], now_ms: nowMs };
}
