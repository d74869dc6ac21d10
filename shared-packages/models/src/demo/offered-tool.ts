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

/** Arguments as far as the words of the question give them: quoted texts, numbers, names behind "in" or "for". */
export function fillArguments(question: string, schema: SchemaNode): Record<string, unknown> {
  const texts = [...question.matchAll(/["“']([^"”']+)["”']|\b(?:in|for|at|to|of|from|called|named) ((?:[A-Z][\p{L}\d-]*\s?)+)/gu)].map(
    (found) => (found[1] ?? found[2] ?? '').trim(),
  );
  const numbers = [...question.matchAll(/-?\d+(?:\.\d+)?/g)].map((found) => Number(found[0]));
  const filled = [...schema.properties].map(([name, property]): [string, unknown] => [
    name,
    fillProperty({ question, property, texts, numbers }),
  ]);
  return Object.fromEntries(
    filled
      .map(([name, value]): [string, unknown] => [
        name,
        value ?? (schema.required.has(name) ? fillSchema(schema.properties.get(name) as SchemaNode, () => question, name) : undefined),
      ])
      .filter(([, value]) => value !== undefined),
  );
}

interface FillProperty {
  readonly question: string;
  readonly property: SchemaNode;
  /** Taken from the front by each property that uses one. */
  readonly texts: string[];
  readonly numbers: number[];
}

function fillProperty({ question, property, texts, numbers }: FillProperty): unknown {
  if (property.enum.length > 0) {
    const words = toKeywords(question);
    return property.enum.find((word) => countShared(toKeywords(word), words) > 0);
  }
  if (property.type === 'number' || property.type === 'integer') return numbers.shift();
  return property.type === 'string' ? texts.shift() : undefined;
}
