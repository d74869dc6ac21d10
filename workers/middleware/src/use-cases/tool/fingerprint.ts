import { hashText } from '@rubot/contracts/hash';
import { RubotError } from '@rubot/errors';
import canonicalize from 'canonicalize';

/**
 * SHA-256 over the tool's name and its arguments as RFC 8785 spells them: the order of keys makes no difference.
 *
 * @throws RubotError `invalid_request` for what has no such spelling: half a surrogate pair, a number out of range
 */
export async function fingerprintCall(toolName: string, input: unknown): Promise<string> {
  return hashText(spell([toolName, input]));
}

function spell(value: unknown): string {
  try {
    return canonicalize(value) ?? '';
  } catch (cause) {
    throw new RubotError('invalid_request', 'The arguments hold text that is not whole Unicode, or a number out of range. Mend them.', {
      cause,
    });
  }
}
