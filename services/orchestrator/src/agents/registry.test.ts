import { describe, expect, it } from 'vitest';
import { AgentRegistryJson } from './registry.ts';

function problemsOf(text: string): string[] {
  const result = AgentRegistryJson.safeParse(text);
  return result.success ? [] : result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
}

describe('AGENT_REGISTRY_JSON', () => {
  it('is ids with an origin or a list of replicas, in the order written', () => {
    const registry = AgentRegistryJson.parse('{"tables":"http://a:1/","chat":["https://b","http://[::1]:3"]}');
    expect([...registry]).toEqual([
      ['tables', ['http://a:1']],
      ['chat', ['https://b', 'http://[::1]:3']],
    ]);
  });

  it.each([
    ['not JSON', '{"a":'],
    ['a list', '["http://a"]'],
    ['null', 'null'],
    ['a string', '"http://a"'],
  ])('is refused as %s', (_, text) => {
    expect(problemsOf(text)[0]).toMatch(/must be a JSON object/);
  });

  it('names at least one agent, each with at least one replica', () => {
    expect(problemsOf('{}')[0]).toMatch(/names no agent/);
    expect(problemsOf('{"a":[]}')).toEqual(['a: has no replica; give at least one origin']);
  });

  it.each(['ftp://a', 'http://a/path', 'http://user:pw@a', 'http://a?x=1', 'a:1', '', 7, null, { url: 'http://a' }])(
    'refuses %j as an origin',
    (value) => {
      expect(problemsOf(JSON.stringify({ a: value }))[0]).toMatch(/^a: must be/);
    },
  );

  it('refuses one origin twice, and one id twice, which JSON.parse would forgive', () => {
    expect(problemsOf('{"a":["http://x","http://x"]}')[0]).toMatch(/^a\.1: is already a replica of a/);
    expect(problemsOf('{"a":"http://x","b":"http://x/"}')[0]).toMatch(/^b: is already a replica of a/);
    expect(problemsOf('{"a":"http://x", "a" : "http://y"}')[0]).toMatch(/^a: stands there twice/);
    expect(problemsOf('{"a":"http://x","\\u0061":"http://y"}')[0]).toMatch(/^a: stands there twice/);
  });

  it('lists every problem, not the first', () => {
    const problems = problemsOf('{"Bad Id":"http://x","ok":["nope","http://x"],"empty":[]}');
    expect(problems).toHaveLength(4);
    expect(problems[0]).toMatch(/^Bad Id: must be 1 to 40 lower-case/);
  });
});
