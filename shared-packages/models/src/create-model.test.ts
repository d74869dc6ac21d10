import { describe, expect, it } from 'vitest';
import { createModel } from './create-model.ts';

const NO_ACCESS = { apiKey: 'k', baseUrl: undefined };

function isOpenAi(specifier: string, baseUrl?: string): boolean {
  const access = { openai: { apiKey: 'k', baseUrl }, anthropic: NO_ACCESS };
  return createModel({ specifier, access, fetch: () => Promise.reject(new Error('not called')) }).isOpenAi;
}

describe('a model behind OpenAI’s own API', () => {
  it('is told from one that another server answers for', () => {
    expect(isOpenAi('openai/gpt-5-mini')).toBe(true);
    expect(isOpenAi('openai/gpt-5-mini', 'https://api.openai.com/v1/')).toBe(true);
    for (const url of ['http://vllm:8000/v1', 'https://api.openai.com.example.com/v1', 'https://api.openai.com@10.0.0.7/v1']) {
      expect(isOpenAi('openai/gpt-5-mini', url)).toBe(false);
    }
    expect(isOpenAi('anthropic/claude')).toBe(false);
    expect(isOpenAi('demo/scripted')).toBe(false);
  });
});
