import { z } from 'zod';
import { metaOf, type Variables, variable } from './variable.ts';

const MIN_OWN_BYTES = 32;
/** Servers that speak OpenAI's API on one's own machine take any text for a key. */
const MIN_FOREIGN_CHARACTERS = 8;
const MAKE_ONE = 'make one with: openssl rand -base64 48';
const PRINTABLE = /^[\x21-\x7e]+$/;
const PLACEHOLDER =
  /change[-_ ]?me|replace[-_ ]?(?:me|this|with)|insert[-_ ]|placeholder|your[-_ ]|example|<.*>|\.{3}|x{6}|^(?:undefined|null|\[object)/i;

/** A shared secret of ours: long enough to sign with, and not the text of an example file. */
export function secret(description: string): z.ZodString {
  const schema = z
    .string()
    .refine((value) => value.length >= MIN_OWN_BYTES, {
      error: `must be at least ${MIN_OWN_BYTES} bytes; ${MAKE_ONE}`,
    })
    .refine(isPrintable, { error: `must be printable ASCII without spaces or line breaks; ${MAKE_ONE}` })
    .refine(isNoPlaceholder, { error: `is a placeholder; ${MAKE_ONE}` });
  return variable(schema, { description, secret: true });
}

/** A secret that others make, such as the key of a model's provider. */
export function foreignSecret(description: string): z.ZodString {
  const schema = z
    .string()
    .refine((value) => value.length >= MIN_FOREIGN_CHARACTERS, { error: `must be at least ${MIN_FOREIGN_CHARACTERS} characters` })
    .refine(isPrintable, { error: 'must be printable ASCII without spaces or line breaks' })
    .refine(isNoPlaceholder, { error: 'is a placeholder; set the one that its issuer gave you' });
  return variable(schema, { description, secret: true });
}

export interface SecretUrlMeta {
  readonly description: string;
  readonly example: string;
}

/** A URL whose password is a secret that others make. */
export function secretUrl(schema: z.ZodURL, meta: SecretUrlMeta): z.ZodURL {
  const judged = schema
    .refine((value) => (readPassword(value)?.length ?? Number.POSITIVE_INFINITY) >= MIN_FOREIGN_CHARACTERS, {
      error: `must have a password of at least ${MIN_FOREIGN_CHARACTERS} characters`,
    })
    .refine((value) => isNoPlaceholder(readPassword(value) ?? ''), { error: 'has a placeholder as its password' });
  return variable(judged, { ...meta, secret: true, secretPart: 'password' });
}

/** What no secret shows by itself: one value under two names, and a former one without the one that came after it. */
export function findSecretProblems(variables: Variables, source: Readonly<Record<string, unknown>>): readonly string[] {
  const secrets = Object.entries(variables).flatMap(([name, schema]) => {
    const value = readSecret(schema, source[name]);
    return value === undefined ? [] : [{ name, value }];
  });
  const reused = secrets.flatMap(({ name, value }, index) => {
    const twin = secrets.slice(0, index).find((other) => other.value === value);
    // The holder of the lesser key could act with the greater one.
    return twin === undefined ? [] : [`${name} has the same value as ${twin.name}; every secret must be its own`];
  });
  const orphaned = secrets.flatMap(({ name }) => {
    const current = /^(.+)_PREVIOUS$/.exec(name)?.[1];
    return current === undefined || secrets.some((other) => other.name === current) ? [] : [`${name} is set although ${current} is not`];
  });
  return [...reused, ...orphaned];
}

function readSecret(schema: z.ZodType, value: unknown): string | undefined {
  const meta = metaOf(schema);
  if (meta?.['secret'] !== true || typeof value !== 'string' || value === '') return undefined;
  return meta['secretPart'] === 'password' ? readPassword(value) : value;
}

/** `undefined` for what is no URL at all: that is another rule's. */
function readPassword(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { password } = new URL(url);
  try {
    return decodeURIComponent(password);
  } catch {
    return password;
  }
}

function isPrintable(value: string): boolean {
  return PRINTABLE.test(value);
}

function isNoPlaceholder(value: string): boolean {
  return !PLACEHOLDER.test(value) && !isRepetition(value);
}

/** One text, again and again, the last time perhaps not to its end. */
function isRepetition(value: string): boolean {
  for (let period = 1; period <= value.length / 2; period += 1) {
    if (value.startsWith(value.slice(period))) return true;
  }
  return false;
}
