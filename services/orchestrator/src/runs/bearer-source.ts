import type { RenewBearerResponse } from '@rubot/contracts/bearer';
import { RubotError } from '@rubot/errors';
import { decodeJwt } from 'jose';
import type { DataBearer } from './run.ts';

export interface BearerSourceOptions {
  /** The data bearer that the run came with; absent where it has outlived it. */
  readonly token: string | undefined;
  /** Asks for another one; absent where none is to be had: then the first is used as it is. */
  readonly renew: (() => Promise<RenewBearerResponse>) | undefined;
  readonly now?: () => number;
}

interface HeldBearer extends DataBearer {
  readonly expiresAtMs: number;
}

/** A call of an agent may last; but a bearer that lives for less than twice this is renewed at half of its life. */
const LEFT_MS = 60_000;
const RETRY_AFTER_MS = 5_000;

/** @returns `Run.freshBearer`: it throws RubotError `forbidden` when the run has lost its rights, others when none is to be had in time */
export function createBearerSource({ token, renew, now = Date.now }: BearerSourceOptions): () => Promise<DataBearer> {
  let held = token === undefined ? NONE : toFirst(token, renew !== undefined);
  let renewal: Promise<DataBearer> | undefined;

  async function renewHeld(ask: () => Promise<RenewBearerResponse>): Promise<DataBearer> {
    const askedAtMs = now();
    try {
      const { bearer, expires_in_seconds } = await ask();
      held = toHeld(bearer, askedAtMs, askedAtMs + expires_in_seconds * 1_000);
    } catch (thrown) {
      const error = RubotError.from(thrown);
      if (error.code === 'forbidden' || now() >= held.expiresAtMs) throw error;
      // The gateway may be back before the bearer has died.
      held = { ...held, renewAtMs: now() + RETRY_AFTER_MS };
    }
    return held;
  }

  return function freshBearer() {
    if (now() < held.renewAtMs) return Promise.resolve(held);
    if (renew === undefined) return Promise.reject(noneToBeHad());
    renewal ??= renewHeld(renew).finally(() => {
      renewal = undefined;
    });
    return renewal;
  };
}

const NONE: HeldBearer = { token: '', renewAtMs: Number.NEGATIVE_INFINITY, expiresAtMs: Number.NEGATIVE_INFINITY };

function noneToBeHad(): RubotError {
  return new RubotError(
    'misconfigured',
    'The run has outlived its data bearer, and nobody gives it another one. Set GATEWAY_URL at the orchestrator.',
  );
}

function toFirst(token: string, isRenewable: boolean): HeldBearer {
  return isRenewable ? readBearer(token) : toEternal(token);
}

function toHeld(token: string, issuedAtMs: number, expiresAtMs: number): HeldBearer {
  return { token, expiresAtMs, renewAtMs: expiresAtMs - Math.min(LEFT_MS, Math.max(0, expiresAtMs - issuedAtMs) / 2) };
}

function toEternal(token: string): HeldBearer {
  return { token, renewAtMs: Number.POSITIVE_INFINITY, expiresAtMs: Number.POSITIVE_INFINITY };
}

/** Of a token that says nothing of its end, no. */
export function hasExpired(token: string, nowMs = Date.now()): boolean {
  return readBearer(token).expiresAtMs <= nowMs;
}

/** Its times are read and not verified: nothing is granted by them here. */
function readBearer(token: string): HeldBearer {
  try {
    const { iat, exp } = decodeJwt(token);
    return exp === undefined ? toEternal(token) : toHeld(token, iat === undefined ? Number.NEGATIVE_INFINITY : iat * 1_000, exp * 1_000);
  } catch {
    return toEternal(token);
  }
}
