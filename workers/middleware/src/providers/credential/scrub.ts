/** Shorter ones would stand in any text by chance. */
const MIN_SECRET_LENGTH = 4;
const REPLACEMENT = '[credential]';

/** A text, or any JSON value, in which no form of a credential stands. */
export type Scrub = <Value>(value: Value) => Value;

/**
 * Takes a credential out of what an upstream says, before a model, a log or a database sees it: as it is, and as it could have
 * been written down on the way, in base64, in hexadecimal digits or with percent signs, alone or within a longer text.
 *
 * @param credential `undefined` where there is none
 */
export function createScrub(credential: string | undefined): Scrub {
  const forms = credential === undefined ? [] : partsOf(credential.toWellFormed()).flatMap(formsOf);
  if (forms.length === 0) return (value) => value;
  // The longest first: what is a part of it must not break it up.
  const sorted = [...new Set(forms)].sort((left, right) => right.length - left.length);
  const pattern = new RegExp(sorted.map(escapePattern).join('|'), 'gi');
  return (value) => scrubValue(value, pattern) as typeof value;
}

/** User and password of basic authentication, and each alone: an upstream may well answer with the user, so that one is left. */
function partsOf(credential: string): readonly string[] {
  const [, password] = /^[^:]*:(.+)$/s.exec(credential) ?? [];
  return [credential, ...(password === undefined ? [] : [password])].filter((part) => part.length >= MIN_SECRET_LENGTH);
}

function formsOf(secret: string): readonly string[] {
  const bytes = new TextEncoder().encode(secret);
  const percent = encodeURIComponent(secret);
  const hex = toHex(bytes);
  const escaped = toEscaped(secret);
  const plain = [secret, escaped, toEscaped(escaped), toUnicodeEscapes(secret), percent, percent.replaceAll('%20', '+')];
  return [...plain, hex, hex.replace(/../g, '%$&'), ...toBase64Cores(bytes)].filter((form) => form.length >= MIN_SECRET_LENGTH);
}

/** As it stands in JSON. */
function toEscaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** As JSON may say any text: a text within a text comes so. */
function toUnicodeEscapes(text: string): string {
  return text.replace(/[\s\S]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * The characters that a text has in base64 wherever it stands within a longer one: all but those it shares with its neighbours; and the
 * whole groups of four among them, as the rest may be cut off.
 */
function toBase64Cores(bytes: Uint8Array): readonly string[] {
  return [0, 1, 2].flatMap((offset) => {
    const text = btoa('\0'.repeat(offset) + String.fromCharCode(...bytes));
    const end = Math.floor(((offset + bytes.length) * 8) / 6);
    const core = text.slice(Math.ceil((offset * 8) / 6), end);
    const groups = text.slice(offset === 0 ? 0 : 4, end - (end % 4));
    return [core, groups].flatMap((form) => [form, form.replaceAll('+', '-').replaceAll('/', '_')]);
  });
}

function scrubValue(value: unknown, pattern: RegExp): unknown {
  if (typeof value === 'string') return value.replace(pattern, REPLACEMENT);
  if (Array.isArray(value)) return value.map((item) => scrubValue(item, pattern));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key.replace(pattern, REPLACEMENT), scrubValue(item, pattern)]));
}
