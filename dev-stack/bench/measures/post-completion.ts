import { Pool } from 'undici';
import { type AnswerKind, toIdentity, toRequestBody, toRequestHeaders } from '../conversation.ts';
import type { Target } from '../targets/start-targets.ts';

export interface CompletionClient {
  /** Calls `onChunk` for each chunk of the body as the network gave it; resolves when the body has ended. */
  post(kind: AnswerKind, sessionIndex: number, onChunk: (chunk: Buffer) => void): Promise<void>;
  close(): Promise<void>;
}

const MAX_CONNECTIONS = 64;

export function createCompletionClient({ url }: Target, apiKey: string): CompletionClient {
  const pool = new Pool(url, { connections: MAX_CONNECTIONS });
  return {
    async post(kind, sessionIndex, onChunk) {
      const { statusCode, body } = await pool.request({
        method: 'POST',
        path: '/v1/chat/completions',
        headers: toRequestHeaders(apiKey, toIdentity(sessionIndex)),
        body: toRequestBody(kind),
      });
      for await (const chunk of body) onChunk(chunk);
      if (statusCode !== 200) throw new Error(`${url} answered ${statusCode}; figures of failures would mean nothing`);
    },
    close: () => pool.close(),
  };
}
