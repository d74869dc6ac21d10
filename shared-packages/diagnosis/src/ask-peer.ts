import type { ChallengeRequest, ChallengeResponse, Finding } from '@rubot/contracts/diagnosis';
import { WIRE_VERSION } from '@rubot/contracts/headers';
import { RubotError } from '@rubot/errors';
import type { ServiceIdentity } from './answer-challenge.ts';
import { ok, problem, skipped, warning } from './finding.ts';
import { judgeClock } from './judge-clock.ts';
import { judgeSecret, type Pair, toSubject } from './judge-secret.ts';
import { makeChallenge, type NamedSecrets } from './make-challenge.ts';

/** A service that is asked whether it goes together with the one that asks. */
export interface PeerToAsk extends Pair {
  /** What it should say that it is, such as `rubot-middleware`. */
  readonly service: string;
  /** What both should hold. */
  readonly secrets: NamedSecrets;
  /** The one of them that opens the peer to us; absent where none does. */
  readonly hopKey?: string;
  /** By the names of the secrets: what fails while one differs, as a sentence. */
  readonly breaks: Readonly<Record<string, string>>;
  readonly identity: Partial<Pick<ServiceIdentity, 'environment'>>;
  /** What fails while it cannot be reached, and where to look, as sentences. */
  readonly unreachable: string;
  /** Rejects with a RubotError when there is no answer in time. */
  readonly ask: (challenge: ChallengeRequest) => Promise<ChallengeResponse>;
  readonly now?: (() => number) | undefined;
}

/** `open`: it is who it should be, and our hop key is accepted there. `unknown`: it answers, but not to challenges. */
export type PeerState = 'open' | 'closed' | 'unknown' | 'unreachable';

export interface PeerReport {
  readonly state: PeerState;
  readonly findings: readonly Finding[];
}

/** Never throws: whatever keeps the peer from answering is a finding. */
export async function askPeer(peer: PeerToAsk): Promise<PeerReport> {
  const { secrets, hopKey, breaks, now = Date.now } = peer;
  const challenge = await makeChallenge(secrets);
  const sentAtMs = now();
  try {
    const answer = await peer.ask(challenge);
    const readAtMs = now();
    const verdicts = Object.keys(secrets).map((name) => judgeSecret({ ...peer, name, breaks: breaks[name] ?? '' }, answer.secrets));
    const details = answer.service === undefined ? [] : judgeService(peer, answer.service, { sentAtMs, readAtMs });
    const isItself = answer.service === undefined || answer.service.name === peer.service;
    const isAccepted = isItself && (hopKey === undefined || isProved(answer.secrets[hopKey]));
    return { state: isAccepted ? 'open' : 'closed', findings: [ok(looked(peer), 'it answers'), ...verdicts, ...details] };
  } catch (thrown) {
    return judgeSilence(peer, RubotError.from(thrown));
  }
}

export function isProved(verdict: string | undefined): boolean {
  return verdict === 'current' || verdict === 'previous';
}

function looked(peer: Pair) {
  return { check: 'reachable', subject: toSubject(peer) };
}

type ServiceDetails = NonNullable<ChallengeResponse['service']>;

function judgeService(peer: PeerToAsk, details: ServiceDetails, moments: { sentAtMs: number; readAtMs: number }): readonly Finding[] {
  const subject = toSubject(peer);
  return [
    judgeIdentity(peer, details),
    judgeWire(subject, details.wire_versions),
    judgeClock(subject, peer.to, { ...moments, theirsMs: details.now_ms }),
  ];
}

function judgeIdentity({ to, service, identity, ...peer }: PeerToAsk, details: ServiceDetails): Finding {
  const version = { check: 'version', subject: toSubject({ ...peer, to }) };
  if (details.name !== service) {
    return problem(
      version,
      `what answers as the ${to} says that it is ${details.name}`,
      `The address leads elsewhere. Set it to that of ${service}.`,
    );
  }
  if (identity.environment !== undefined && details.environment !== identity.environment) {
    return problem(
      version,
      `the ${to} is of the environment ${details.environment}, and not of ${identity.environment}`,
      'What is meant for one environment is done to the data of the other. Correct the address, and give each environment secrets of its own.',
    );
  }
  return ok(version, `the ${to} runs ${details.deployment_hash}`);
}

function judgeWire(subject: string, spoken: readonly number[]): Finding {
  const wire = { check: 'wire', subject };
  if (spoken.includes(WIRE_VERSION)) return ok(wire, `both speak wire version ${WIRE_VERSION}`);
  return problem(wire, `wire version ${WIRE_VERSION} is sent, and ${spoken.join(', ')} understood`, WIRE_CONSEQUENCE);
}

const WIRE_CONSEQUENCE = 'Every call between the two is refused. Deploy them at most one wire version apart.';

function judgeSilence(peer: PeerToAsk, error: RubotError): PeerReport {
  const subject = toSubject(peer);
  if (error.code === 'unsupported_wire_version') {
    return {
      state: 'closed',
      findings: [ok(looked(peer), 'it answers'), problem({ check: 'wire', subject }, error.message, WIRE_CONSEQUENCE)],
    };
  }
  if (error.code === 'not_found' && error.saidByPeer) {
    const message = `the ${peer.to} runs a version that answers no challenge, so that its secrets, wire version and clock are not known`;
    return { state: 'unknown', findings: [ok(looked(peer), 'it answers'), skipped({ check: 'secret', subject }, message)] };
  }
  if (error.code === 'misconfigured' && error.saidByPeer) {
    return { state: 'unreachable', findings: [problem(looked(peer), error.message, `It serves nobody. ${peer.unreachable}`)] };
  }
  if (error.code === 'rate_limited') {
    return { state: 'unknown', findings: [warning(looked(peer), error.message, 'Look again in a moment.')] };
  }
  return { state: 'unreachable', findings: [problem(looked(peer), error.message, peer.unreachable)] };
}
