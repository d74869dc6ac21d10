/** How the fake orchestrator is asked to answer, by the model that the request names. */
export const ANSWERS = {
  whole: 'bench/whole',
  /** As many tokens as it can write, at once. */
  burst: 'bench/burst',
  /** The first token at once, then silence until the answer's end a moment later. */
  firstToken: 'bench/first-token',
  /** A token every 50 ms, each bearing the moment at which it was written. */
  paced: 'bench/paced',
} as const;

export type AnswerKind = keyof typeof ANSWERS;

/** A conversation of a usual size: a system prompt, two turns behind it and a question. */
const MESSAGES = [
  {
    role: 'system',
    content: 'You answer questions about the stock and the orders of a small shop. Be brief, and say where a figure comes from.',
  },
  { role: 'user', content: 'Which products are below their reorder level?' },
  {
    role: 'assistant',
    content:
      'Three are: Copper elbow 15 mm (12 of 40), PTFE tape (3 of 25) and Ball valve 1/2" (0 of 10). The figures come from the table products.',
  },
  {
    role: 'user',
    content: 'When did we order the ball valves last, how many, and from whom? If it is longer ago than a month, draft a note to them.',
  },
];

export function toRequestBody(kind: AnswerKind): string {
  const stream = kind === 'whole' ? {} : { stream: true, stream_options: { include_usage: true } };
  return JSON.stringify({ model: ANSWERS[kind], messages: MESSAGES, temperature: 0.2, user: 'bench', ...stream });
}

export interface Identity {
  readonly sessionId: string;
  readonly senderId: string;
}

export function toIdentity(index: number): Identity {
  return { sessionId: `session-${index}`, senderId: `sender-${index}` };
}

export function toRequestHeaders(apiKey: string, { sessionId, senderId }: Identity): Record<string, string> {
  return {
    authorization: `Bearer ${apiKey}`,
    'content-type': 'application/json',
    'x-chat-source-session-id': sessionId,
    'x-chat-source-sender-id': senderId,
  };
}
