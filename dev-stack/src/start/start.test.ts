import { RubotError } from '@rubot/errors';
import { describe, expect, it } from 'vitest';
import { StackError } from '../stack/stack-error.ts';
import { readCommandLine } from './command-line.ts';
import { explainFailure } from './explain-failure.ts';
import { chooseModels } from './model-variables.ts';

describe('readCommandLine', () => {
  it('reads its options', () => {
    expect(readCommandLine([])).toEqual({ port: 8_787, once: false, help: false });
    expect(readCommandLine(['--once', '--port', '9000'])).toEqual({ port: 9_000, once: true, help: false });
    expect(readCommandLine(['-h'])).toMatchObject({ help: true });
  });

  it.each([['--port'], ['--port=x'], ['--port=0'], ['--port=65536'], ['--port=1.5'], ['--twice'], ['later']])('refuses %s', (parameter) => {
    expect(() => readCommandLine([parameter])).toThrow(/Usage: npm start/);
  });
});

describe('chooseModels', () => {
  it('hands on the models that an environment names, with their keys, and nothing else', () => {
    const environment = {
      MODEL_SPECIFIER: 'openai/gpt-5-mini',
      OPENAI_API_KEY: 'sk-1',
      AGENT_TABLES_MODEL: 'openai/x',
      HOME: '/',
      AWS_KEY: 'y',
    };
    const { variables, notice } = chooseModels(environment);
    expect(variables).toEqual({ MODEL_SPECIFIER: 'openai/gpt-5-mini', OPENAI_API_KEY: 'sk-1', AGENT_TABLES_MODEL: 'openai/x' });
    expect(notice).toContain('openai/gpt-5-mini');
    expect(notice).not.toContain('sk-1');
  });

  it('takes no key for a model, and says so', () => {
    expect(chooseModels({ OPENAI_API_KEY: 'sk-1', MODEL_SPECIFIER: '' })).toEqual({
      variables: {},
      notice: expect.stringMatching(/^OPENAI_API_KEY is set, but no MODEL_SPECIFIER: the built-in demo model/),
    });
    expect(chooseModels({}).notice).toMatch(/^No model is configured/);
  });
});

describe('explainFailure', () => {
  it.each([
    [Object.assign(new Error('write'), { code: 'ENOSPC' }), /no space left.*npm start again/],
    [Object.assign(new Error('open .rubot/dev.json'), { code: 'EACCES' }), /cannot be written.*dev\.json/],
    [new StackError('Port 1 is taken.'), /^Port 1 is taken\.$/],
    [new RubotError('unavailable', 'Gone. Come again.'), /^Gone\. Come again\.$/],
    [new TypeError('our mistake'), /start\.test\.ts/],
    ['text', /^text$/],
  ])('explains %s', (thrown, expected) => {
    expect(explainFailure(thrown)).toMatch(expected);
  });
});
