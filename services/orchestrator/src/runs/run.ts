import type { ChatRequest } from '@rubot/contracts/chat-request';
import type { Deadline } from '@rubot/http/deadline';
import type { Span } from '@rubot/logging/span';

/** On whose behalf a run is made, as the gateway tells; believed because the gateway holds the hop key. */
export interface Caller {
  readonly tenantId: string;
  readonly sessionId: string;
  readonly senderId: string;
  /** Passed on to the agents unread; the middleware alone can say what it is worth. */
  readonly dataBearer: string;
}

/** One accepted completion while it is worked on. */
export interface Run {
  readonly id: string;
  readonly caller: Caller;
  readonly request: ChatRequest;
  /** One for the whole chain: planner, every slice, and the merge. */
  readonly deadline: Deadline;
  readonly span: Span;
}
