import type { LanguageModelV4FunctionTool, LanguageModelV4ToolChoice } from '@ai-sdk/provider';
import { fillSchema, type SchemaNode } from './json-schema.ts';
import { countShared, toKeywords } from './words.ts';

/** The tool that the caller forces, or the one whose name shares most words with the question. */
export function chooseTool(
  question: string,
  offered: readonly LanguageModelV4FunctionTool[],
  choice: LanguageModelV4ToolChoice | undefined,
): LanguageModelV4FunctionTool | undefined {
  if (choice?.type === 'none') return undefined;
  if (choice?.type === 'tool') return offered.find((tool) => tool.name === choice.toolName);
  const wanted = toKeywords(question);
  const scored = offered.map((tool) => ({ tool, score: countShared(toKeywords(tool.name), wanted) }));
  const best = scored.reduce<(typeof scored)[number] | undefined>(
    (left, right) => (left === undefined || right.score > left.score ? right : left),
    undefined,
  );
  return best !== undefined && (best.score > 0 || choice?.type === 'required') ? best.tool : undefined;
}

/** What a question says that may be an argument; each is taken once, from the front. */
interface Findings {
  readonly keywords: ReadonlySet<string>;
  readonly dates: string[];
  readonly numbers: number[];
  /** Quoted texts, and names behind "in", "for" and their like. */
  readonly texts: string[];
}

const DATE = /\b\d{4}-\d{2}-\d{2}\b/g;
const NUMBER = /-?\d+(?:\.\d+)?/g;
const TEXT = /["“']([^"”']+)["”']|\b(?:in|for|at|to|of|from|called|named) ((?:[A-Z][\p{L}\d-]*\s?)+)/gu;

export interface FilledArguments {
  readonly input: Readonly<Record<string, unknown>>;
  /** What the tool requires and the question does not say; `input` has the least that fits there. */
  readonly missing: readonly string[];
}

/** Arguments as far as the words of the question give them. A text that is missing may be the question itself. */
export function fillArguments(question: string, schema: SchemaNode): FilledArguments {
  const findings: Findings = {
    keywords: toKeywords(question),
    dates: question.match(DATE) ?? [],
    numbers: (question.replaceAll(DATE, '').match(NUMBER) ?? []).map(Number),
    texts: [...question.matchAll(TEXT)].map((found) => (found[1] ?? found[2] ?? '').trim()),
  };
  const missing: string[] = [];
  const filled = [...schema.properties].map(([name, property]): [string, unknown] => {
    const found = takeFinding(property, findings);
    if (found !== undefined || !schema.required.has(name)) return [name, found];
    if (property.type !== 'string' || property.format !== undefined || property.enum.length > 0) missing.push(name);
    return [name, fillSchema(property, () => question, name)];
  });
  return { input: Object.fromEntries(filled.filter(([, value]) => value !== undefined)), missing };
}

function takeFinding(property: SchemaNode, { keywords, dates, numbers, texts }: Findings): unknown {
  if (property.enum.length > 0) return property.enum.find((word) => countShared(toKeywords(word), keywords) > 0);
  if (property.type === 'number' || property.type === 'integer') return numbers.shift();
  if (property.type !== 'string') return undefined;
  return property.format === 'date' ? dates.shift() : texts.shift();
}
