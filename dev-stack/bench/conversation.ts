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

export interface RequestOptions {
  readonly model: string;
  readonly stream: boolean;
}

export function toRequestBody({ model, stream, ...fields }: RequestOptions & Readonly<Record<string, unknown>>): string {
  const streaming = stream ? { stream, stream_options: { include_usage: true } } : {};
  return JSON.stringify({ model, messages: MESSAGES, temperature: 0.2, user: 'bench', ...streaming, ...fields });
}

export interface Identity {
  readonly sessionId: string;
  readonly senderId: string;
}

export function toIdentity(index: number): Identity {
  return { sessionId: `session-${index}`, senderId: `sender-${index}` };
}

/** What a client sends to the gateway. */
export function toClientHeaders(apiKey: string, { sessionId, senderId }: Identity): Record<string, string> {
  return {
    authorization: `Bearer ${apiKey}`,
    'content-type': 'application/json',
    'x-chat-source-session-id': sessionId,
    'x-chat-source-sender-id': senderId,
  };
}
