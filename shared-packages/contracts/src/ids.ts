import { z } from 'zod';

/** Starts with a letter or digit, so that it can never be read as a path segment such as `..`. */
export const TenantId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, 'must be 1 to 64 letters, digits, "_", "-" or ".", starting with a letter or digit');

/** Printable ASCII, as chat sources use thread urls and addresses for it. */
export const SessionId = z.string().regex(/^[\x21-\x7e](?:[\x20-\x7e]{0,254}[\x21-\x7e])?$/, 'must be 1 to 256 printable ASCII characters');

export const SenderId = z
  .string()
  .regex(
    /^[A-Za-z0-9+][A-Za-z0-9_.:+@-]{0,127}$/,
    'must be 1 to 128 letters, digits, or any of "_.:+@-", starting with a letter, a digit or "+"',
  );

export const AgentId = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,39}$/, 'must be 1 to 40 lower-case letters, digits or "-", starting with a letter');

export const TraceId = z.string().regex(/^(?!0{32}$)[0-9a-f]{32}$/, 'must be 32 lower-case hex digits, not all zero');

export const SpanId = z.string().regex(/^(?!0{16}$)[0-9a-f]{16}$/, 'must be 16 lower-case hex digits, not all zero');

export const RunId = z.string().regex(/^run_[0-9a-f]{32}$/, 'must be "run_" and 32 lower-case hex digits');

export const SliceId = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,31}$/, 'must be 1 to 32 lower-case letters, digits, "_" or "-"');

/** OpenAI function names, so that a tool can be shown to any model unchanged. */
export const ToolName = z.string().regex(/^[a-zA-Z][a-zA-Z0-9_-]{0,63}$/, 'must be 1 to 64 letters, digits, "_" or "-"');

export const IdempotencyKey = z.string().regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 printable ASCII characters without spaces');

/** Names an API token; it opens nothing. */
export const TokenId = z.string().regex(/^tok_[0-9a-z]{24}$/, 'must be "tok_" and 24 lower-case letters or digits');

/** Names what a handle is for, in the words of whoever hands it out. */
export const ActionId = z.string().regex(/^[a-z0-9][a-z0-9_.-]{0,63}$/, 'must be 1 to 64 lower-case letters, digits, "_", "-" or "."');

/** Names a connection of a tenant; the names of its tools begin with it. */
export const ProviderId = z.string().regex(/^[a-z][a-z0-9]{0,23}$/, 'must be 1 to 24 lower-case letters or digits, starting with a letter');

/** Of the sender that an API token speaks as when no other is named; no chat source may claim one. */
const TOKEN_SENDER_PREFIX = 'token:';

export function toTokenSender(tokenId: string): string {
  return `${TOKEN_SENDER_PREFIX}${tokenId}`;
}

export function isTokenSender(senderId: string): boolean {
  return senderId.startsWith(TOKEN_SENDER_PREFIX);
}
