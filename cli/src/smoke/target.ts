/** The gateway under test, and as whom it is asked. */
export interface SmokeTarget {
  readonly gatewayUrl: string;
  readonly apiKey: string;
  readonly sessionId: string;
  readonly senderId: string;
  readonly timeoutMs: number;
}
