/** Of Node and undici; what breaks a connection that stands, such as ECONNRESET, is none of them. */
const CONNECT_FAILURES: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** True only when it is certain that the peer has seen nothing of the request, so that even a POST may be sent again. */
export function isConnectFailure(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  return ('code' in thrown && CONNECT_FAILURES.has(thrown.code)) || isConnectFailure(thrown.cause);
}
