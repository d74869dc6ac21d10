import type { Diagnosis, Finding } from '@rubot/contracts/diagnosis';
import { RubotError } from '@rubot/errors';
import { askPeer, type PeerToAsk } from './ask-peer.ts';
import { problem, skipped } from './finding.ts';
import { toSubject } from './judge-secret.ts';

export interface PeerToLookBehind extends PeerToAsk {
  /** Asks the peer for what it finds itself; it needs the key that the challenge is about. */
  readonly diagnose: () => Promise<Diagnosis>;
}

/** As `askPeer`, and what the peer itself sees, where it can be had. Never throws. */
export async function lookBehind(peer: PeerToLookBehind): Promise<readonly Finding[]> {
  const { state, findings } = await askPeer(peer);
  const behind = { check: 'behind', subject: toSubject(peer) };
  if (state === 'unreachable' || state === 'closed') {
    const reason = state === 'closed' ? 'it refuses' : 'it does not answer';
    return [...findings, skipped(behind, `what the ${peer.to} itself would find was not looked at, as ${reason}`)];
  }
  try {
    return [...findings, ...(await peer.diagnose()).findings];
  } catch (thrown) {
    const error = RubotError.from(thrown);
    if (error.code === 'not_found') return [...findings, skipped(behind, `the ${peer.to} runs a version that does not diagnose itself`)];
    return [...findings, problem(behind, `the ${peer.to} could not say what it finds: ${error.message}`, peer.unreachable)];
  }
}
