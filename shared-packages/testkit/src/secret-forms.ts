/** A form in which a secret might leave, and the text to look for. */
export interface SecretForm {
  readonly name: string;
  readonly text: string;
}

/** What a leak may look like: the secret as it is, and as what encodes, escapes or embeds it would write it. */
export function formsOf(secret: string): readonly SecretForm[] {
  const bytes = Buffer.from(secret, 'utf8');
  const forms: SecretForm[] = [
    { name: 'plain', text: secret },
    { name: 'JSON', text: JSON.stringify(secret).slice(1, -1) },
    { name: 'JSON in JSON', text: JSON.stringify(JSON.stringify(secret).slice(1, -1)).slice(1, -1) },
    { name: 'all escaped', text: [...secret].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`).join('') },
    { name: 'URL-encoded', text: encodeURIComponent(secret) },
    { name: 'all percent-encoded', text: [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('') },
    { name: 'hex', text: bytes.toString('hex') },
    { name: 'reversed', text: [...secret].reverse().join('') },
    ...[0, 1, 2].flatMap((offset) => [
      { name: `base64 at ${offset}`, text: base64At(bytes, offset, 'base64') },
      { name: `base64url at ${offset}`, text: base64At(bytes, offset, 'base64url') },
    ]),
  ];
  return forms.filter((form, index) => forms.findIndex(({ text }) => text === form.text) === index);
}

/** The letters that stand for the secret whatever is encoded before and behind it, where it begins `offset` bytes into a group of three. */
function base64At(bytes: Uint8Array, offset: number, encoding: 'base64' | 'base64url'): string {
  const skipped = (3 - offset) % 3;
  const whole = bytes.length - skipped - ((bytes.length - skipped) % 3);
  return Buffer.from(bytes.subarray(skipped, skipped + whole)).toString(encoding);
}

export interface Leak {
  /** What the secret is called: never the secret itself. */
  readonly secret: string;
  readonly form: string;
  readonly place: string;
}

/** @param secrets by name; too short ones would be found by chance */
export function findLeaks(
  secrets: Readonly<Record<string, string>>,
  places: Iterable<readonly [place: string, text: string]>,
): readonly Leak[] {
  const forms = Object.entries(secrets).flatMap(([secret, value]) => formsOf(value).map((form) => ({ secret, ...form })));
  const leaks: Leak[] = [];
  for (const [place, text] of places) {
    const lower = text.toLowerCase();
    for (const { secret, name, text: wanted } of forms) {
      // Hex and percent-encoding are written in either case.
      const isFound = name === 'hex' || name === 'all percent-encoded' ? lower.includes(wanted) : text.includes(wanted);
      if (isFound) leaks.push({ secret, form: name, place });
    }
  }
  return leaks;
}
