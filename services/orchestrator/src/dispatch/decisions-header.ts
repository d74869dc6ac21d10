import type { CallDecisions } from '@rubot/contracts/agent';
import type { HeldCall } from './held-calls.ts';

/** What all comments together may take up of the 16 KiB that Node reads of headers. */
const MAX_COMMENT_CHARACTERS = 6_144;
const QUOTES = encodeURIComponent('""').length;

/** Of the decisions those on these calls, as the header says them; of the comments what a model is told. */
export function toDecisionsHeader(decisions: CallDecisions, held: readonly HeldCall[]): string {
  const ours = held.map(({ call }) => call.id).filter((id) => Object.hasOwn(decisions, id));
  const share = Math.floor(MAX_COMMENT_CHARACTERS / Math.max(1, ours.length));
  const entries = ours.map((id) => {
    const { decision, comment } = decisions[id] ?? {};
    return [id, { decision, ...(decision === 'reject' && comment !== undefined ? { comment: shorten(comment, share) } : {}) }];
  });
  return encodeURIComponent(JSON.stringify(Object.fromEntries(entries)));
}

function shorten(comment: string, maxEncodedCharacters: number): string {
  let kept = '';
  let encoded = 0;
  for (const character of comment) {
    encoded += encodeURIComponent(JSON.stringify(character)).length - QUOTES;
    if (encoded > maxEncodedCharacters) return `${kept}…`;
    kept += character;
  }
  return kept;
}
