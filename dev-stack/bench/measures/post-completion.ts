import { Pool } from 'undici';
import { toIdentity } from '../conversation.ts';
import type { Target } from '../targets/target.ts';

export interface CompletionClient {
  /** Calls `onChunk` for each chunk of the body as the network gave it; resolves when the body has ended. */
  post(body: string, sessionIndex: number, onChunk: (chunk: Buffer) => void): Promise<void>;
  close(): Promise<void>;
}

const MAX_CONNECTIONS = 64;

export function createCompletionClient({ url, toHeaders }: Target): CompletionClient {
  const pool = new Pool(url, { connections: MAX_CONNECTIONS });
  return {
    async post(requestBody, sessionIndex, onChunk) {
      const { statusCode, body } = await pool.request({
        method: 'POST',
        path: '/v1/chat/completions',
        headers: toHeaders(toIdentity(sessionIndex)),
        body: requestBody,
      });
      for await (const chunk of body) onChunk(chunk);
      if (statusCode !== 200) throw new Error(`${url} answered ${statusCode}; figures of failures would mean nothing`);
    },
    close: () => pool.close(),
  };
}
