/** The platform's own, or one of a test. It follows no redirects. */
export type PlainFetch = (url: string, init: PlainInit) => Promise<Response>;

export interface PlainInit {
  readonly method: string;
  readonly headers: Headers;
  readonly body?: string | null;
  readonly redirect: 'manual';
  readonly signal: AbortSignal;
}
