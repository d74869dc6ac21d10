import type { ErrorCode } from '@rubot/contracts/error';
import { ERROR_TABLE } from './codes.ts';

export interface RubotErrorOptions {
  /** The field of the request that is wrong, in OpenAI's path form, such as `messages[0].role`. */
  readonly param?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  /** Overrides the table, where the thrower knows whether an effect may have happened. */
  readonly retryable?: boolean;
  /** For the operator's log alone; never sent to a caller. */
  readonly operatorDetail?: string | undefined;
  /** Another rubot service said so itself: it lives, and what failed may lie behind it. */
  readonly saidByPeer?: boolean;
  readonly cause?: unknown;
}

// By symbol and not by `instanceof`: two bundles of this class must recognise each other's errors.
const BRAND: unique symbol = Symbol.for('rubot.error') as never;

/** The one error type. `message` is read by callers: it says what happened and what to do, and holds no secret. */
export class RubotError extends Error {
  readonly code: ErrorCode;
  readonly param: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly retryable: boolean;
  readonly operatorDetail: string | undefined;
  readonly saidByPeer: boolean;
  readonly [BRAND] = true;

  constructor(code: ErrorCode, message: string, options: RubotErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'RubotError';
    this.code = code;
    this.param = options.param;
    this.retryAfterMs = options.retryAfterMs;
    this.retryable = options.retryable ?? ERROR_TABLE[code].retryable;
    this.operatorDetail = options.operatorDetail;
    this.saidByPeer = options.saidByPeer ?? false;
  }

  get status(): number {
    return ERROR_TABLE[this.code].status;
  }

  /** The same failure for a request that must not be repeated as it stands, as some of its work has been done. */
  toFinal(): RubotError {
    if (!this.retryable) return this;
    // Without `retryAfterMs`: a moment to try again at would ask for what must not be.
    const { code, message, param, operatorDetail, saidByPeer, cause } = this;
    return new RubotError(code, message, { retryable: false, param, operatorDetail, saidByPeer, cause });
  }

  static is(value: unknown): value is RubotError {
    return typeof value === 'object' && value !== null && BRAND in value;
  }

  /**
   * Whatever was thrown, as a RubotError. A foreign error becomes `internal` and lends the caller nothing of
   * its text, which may hold anything; it stays reachable for the log as `cause`.
   */
  static from(thrown: unknown): RubotError {
    if (RubotError.is(thrown)) return thrown;
    return new RubotError('internal', 'rubot failed to handle this request. Report it with the trace id; retrying may help.', {
      cause: thrown,
    });
  }
}
