import type { Identity } from '../conversation.ts';

/** Something that answers `POST /v1/chat/completions`. */
export interface Target {
  readonly url: string;
  /** What its callers send with a completion of this identity. */
  toHeaders(identity: Identity): Record<string, string>;
}
