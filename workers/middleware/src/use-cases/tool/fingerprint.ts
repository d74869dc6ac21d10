import canonicalize from 'canonicalize';

/** SHA-256 over the tool's name and its arguments as RFC 8785 spells them: the order of keys makes no difference. */
export async function fingerprintCall(toolName: string, input: unknown): Promise<string> {
  const spelling = canonicalize([toolName, input]) ?? '';
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(spelling));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
