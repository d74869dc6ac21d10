import type { Finding } from '@rubot/contracts/diagnosis';
import { RubotError } from '@rubot/errors';
import { askPeer, type PeerToAsk } from './ask-peer.ts';
import { problem, skipped } from './finding.ts';
import { toSubject } from './judge-secret.ts';

export interface PeerToLookBehind extends PeerToAsk {
  /** Questions to the peer that need the hop key, such as for what it finds itself. */
  readonly questions: readonly (() => Promise<readonly Finding[]>)[];
}

/** As `askPeer`, and what the peer itself says, where it can be had. Never throws. */
export async function lookBehind(peer: PeerToLookBehind): Promise<readonly Finding[]> {
  const { state, findings } = await askPeer(peer);
  if (state === 'unreachable' || state === 'closed') {
    const reason = state === 'closed' ? 'it is not open to us' : 'it does not answer';
    return [...findings, skipped(behind(peer), `what the ${peer.to} finds itself was not looked at, as ${reason}`)];
  }
  const answers = await Promise.all(peer.questions.map((question) => question().catch((thrown: unknown) => [explain(peer, thrown)])));
  return [...findings, ...answers.flat()];
}

function behind(peer: PeerToLookBehind) {
  return { check: 'behind', subject: toSubject(peer) };
}

function explain(peer: PeerToLookBehind, thrown: unknown): Finding {
  const error = RubotError.from(thrown);
  if (error.code === 'not_found') return skipped(behind(peer), `the ${peer.to} runs a version that does not diagnose itself`);
  return problem(behind(peer), `the ${peer.to} could not say what it finds: ${error.message}`, peer.unreachable);
}
