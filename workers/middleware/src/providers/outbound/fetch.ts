/** The platform's own, or one of a test. */
export type OutboundFetch = (url: string, init: RequestInit) => Promise<Response>;
