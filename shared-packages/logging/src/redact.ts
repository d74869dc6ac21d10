import type { LogLine } from '@rubot/contracts/log';

type LogError = NonNullable<LogLine['error']>;

const SECRET_NAME = /authorization|api[-_]?key|secret|password|bearer|cookie|credential|access[-_]?token|refresh[-_]?token/i;
const CONTENT_NAME = /^(content|prompt|messages?|text|arguments|result|body)$/i;
/**
 * JWS, rubot's tokens and handles, vendor keys, and anything behind the word Bearer: what leaks when a message is logged whole.
 * Ours are found behind anything, be it `%20` or `token_`: their prefix is no word.
 */
const SECRET_TEXT = /(?<![\w-])eyJ[\w-]{8,}\.[\w-]+\.[\w-]*|rb[th]_[\w-]{8,}|\b(?:sk|pk|xox[bap])[-_][\w-]{8,}|\bBearer\s+\S+/gi;
const MAX_STRING_CHARACTERS = 1_024;
const MAX_SECRET_CHARACTERS = 4_096;
const MAX_DEPTH = 4;
const REDACTED = '[redacted]';

/** A copy that is safe to write down: no secrets, no words of users, nothing long or deep. */
export function redact(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return redactRecord(fields, 0);
}

function redactRecord(fields: Readonly<Record<string, unknown>>, depth: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, SECRET_NAME.test(name) || CONTENT_NAME.test(name) ? REDACTED : redactValue(value, depth + 1)]),
  );
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '[deep]';
  if (Array.isArray(value)) return value.slice(0, 50).map((item) => redactValue(item, depth + 1));
  return redactRecord(value as Record<string, unknown>, depth);
}

export function redactText(text: string): string {
  // Cut before it is searched, with room for a secret that begins before the cut: what a client sends decides its length.
  const masked = text.slice(0, MAX_STRING_CHARACTERS + MAX_SECRET_CHARACTERS).replace(SECRET_TEXT, REDACTED);
  return masked.length <= MAX_STRING_CHARACTERS ? masked : `${masked.slice(0, MAX_STRING_CHARACTERS)}…`;
}

/** What a library says of its failure may quote what it was given. */
export function redactError({ code, message, detail, stack }: LogError): LogError {
  return {
    code,
    message: redactText(message),
    ...(detail === undefined ? {} : { detail: redactText(detail) }),
    ...(stack === undefined ? {} : { stack: redactText(stack) }),
  };
}
