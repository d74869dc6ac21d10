import { parseEnv } from '@rubot/config/parse-env';
import { describe, expect, it } from 'vitest';
import { chooseModel, findModelProblems, type ModelOverride, modelVariables } from './variables.ts';

function problemsOf(source: Record<string, string>, override?: ModelOverride): readonly string[] {
  return findModelProblems(parseEnv({ service: 'rubot-test', variables: modelVariables, source }), override);
}

describe('the model of an environment', () => {
  it.each<[Record<string, string>, string]>([
    [{}, 'demo/scripted'],
    [{ MODEL_SPECIFIER: 'openai/gpt-5', OPENAI_API_KEY: 'sk-of-the-test' }, 'openai/gpt-5'],
    [{ MODEL_SPECIFIER: 'openai/meta/llama-3', OPENAI_BASE_URL: 'http://localhost:11434/v1' }, 'openai/meta/llama-3'],
    [{ MODEL_SPECIFIER: 'demo/scripted', OPENAI_API_KEY: 'sk-of-the-test' }, 'demo/scripted'],
  ])('%j is taken without complaint', (source, specifier) => {
    expect(problemsOf(source)).toEqual([]);
    expect(chooseModel(parseEnv({ service: 'rubot-test', variables: modelVariables, source }))).toBe(specifier);
  });

  it.each<[Record<string, string>, RegExp]>([
    [{ OPENAI_API_KEY: 'sk-of-the-test' }, /^MODEL_SPECIFIER is not set although OPENAI_API_KEY is/],
    [{ MODEL_SPECIFIER: 'openai/gpt-5' }, /^OPENAI_API_KEY is not set although MODEL_SPECIFIER/],
    [{ MODEL_SPECIFIER: 'anthropic/claude', OPENAI_API_KEY: 'sk-of-the-test' }, /^ANTHROPIC_API_KEY is not set/],
    [{ MODEL_SPECIFIER: 'mistral/large' }, /^MODEL_SPECIFIER names no model that rubot can call/],
    [{ MODEL_SPECIFIER: 'demo/other' }, /^MODEL_SPECIFIER names no model/],
  ])('%j refuses to boot', (source, problem) => {
    expect(problemsOf(source)).toEqual([expect.stringMatching(problem)]);
  });

  it('lets a variable of the service outrank the general one, and names it in the problem', () => {
    const override = { variable: 'AGENT_TABLES_MODEL', specifier: 'anthropic/claude' };
    const source = { MODEL_SPECIFIER: 'openai/gpt-5', OPENAI_API_KEY: 'sk-of-the-test' };
    expect(chooseModel(parseEnv({ service: 'rubot-test', variables: modelVariables, source }), override)).toBe('anthropic/claude');
    expect(problemsOf(source, override)).toEqual(['ANTHROPIC_API_KEY is not set although AGENT_TABLES_MODEL names an anthropic model']);
  });
});
