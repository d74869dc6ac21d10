import { hashText } from '@rubot/contracts/hash';

const BASE_62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const BASE_36 = '0123456789abcdefghijklmnopqrstuvwxyz';
/** 62^30 is more than 2^178. */
const RANDOM_CHARACTERS = 30;
/** The fewest that hold every CRC-32: 62^6 is more than 2^32. */
const CHECKSUM_CHARACTERS = 6;
/** Enough for a person to know a token again, and too little for `redact` to take it for one. */
const HINT_CHARACTERS = 8;
const TOKEN_ID_CHARACTERS = 24;

const API_TOKEN_PREFIX = 'rbt_';
const ACTION_HANDLE_PREFIX = 'rbh_';

/**
 * A credential of a client. Secret scanners find tokens and handles by `\brb[th]_[0-9A-Za-z]{36}\b`, and tell a real one from
 * chance without asking anybody: the last 6 characters are the CRC-32 (ISO-HDLC, as in zip and PNG) of the 34 before them, the
 * prefix included, as a number in base 62 (digits, upper case, lower case), padded with `0`.
 */
export function makeApiToken(): string {
  return withChecksum(API_TOKEN_PREFIX + randomText(BASE_62, RANDOM_CHARACTERS));
}

/** What stands for a token where the token itself must not be; in the format of a token, with `rbh_` before it. */
export function makeActionHandle(): string {
  return withChecksum(ACTION_HANDLE_PREFIX + randomText(BASE_62, RANDOM_CHARACTERS));
}

/** The name of a token, which opens nothing. */
export function makeTokenId(): string {
  return `tok_${randomText(BASE_36, TOKEN_ID_CHARACTERS)}`;
}

/** Whether a text has the shape and the checksum of a token: no more, but enough to refuse a typing error without asking a database. */
export function isApiToken(text: string): boolean {
  return isWhole(text, API_TOKEN_PREFIX);
}

/** As `isApiToken`, for a handle. */
export function isActionHandle(text: string): boolean {
  return isWhole(text, ACTION_HANDLE_PREFIX);
}

/** By how a token begins, its owner knows it again in a list. */
export function hintOf(token: string): string {
  return token.slice(0, HINT_CHARACTERS);
}

/** SHA-256 in hex: what is kept of a token or a handle. 178 random bits need no slow hash. */
export function hashToken(text: string): Promise<string> {
  return hashText(text);
}

const AFTER_PREFIX = new RegExp(`^[0-9A-Za-z]{${RANDOM_CHARACTERS + CHECKSUM_CHARACTERS}}$`);

function isWhole(text: string, prefix: string): boolean {
  if (!text.startsWith(prefix) || !AFTER_PREFIX.test(text.slice(prefix.length))) return false;
  return withChecksum(text.slice(0, -CHECKSUM_CHARACTERS)) === text;
}

function withChecksum(body: string): string {
  let rest = crc32(body);
  let checksum = '';
  for (let index = 0; index < CHECKSUM_CHARACTERS; index += 1) {
    checksum = BASE_62.charAt(rest % BASE_62.length) + checksum;
    rest = Math.floor(rest / BASE_62.length);
  }
  return body + checksum;
}

/** Bit by bit and not by a table: it runs over 34 characters. */
function crc32(ascii: string): number {
  let register = 0xffff_ffff;
  for (let index = 0; index < ascii.length; index += 1) {
    register ^= ascii.charCodeAt(index);
    for (let bit = 0; bit < 8; bit += 1) register = (register >>> 1) ^ (register & 1 ? 0xedb8_8320 : 0);
  }
  return ~register >>> 0;
}

/** Each character of the alphabet is as likely as each other: bytes beyond its last whole multiple are thrown away, not folded back. */
function randomText(alphabet: string, length: number): string {
  const limit = 256 - (256 % alphabet.length);
  let text = '';
  while (text.length < length) {
    for (const byte of crypto.getRandomValues(new Uint8Array(length - text.length))) {
      if (byte < limit) text += alphabet.charAt(byte % alphabet.length);
    }
  }
  return text;
}
