import type { CallToolResult } from '@modelcontextprotocol/client';

type Block = CallToolResult['content'][number];

const MAX_ERROR_CHARACTERS = 2_000;

/** What a model is shown: the structure where there is one, else the text, else what there is beside text. */
export function toResult({ structuredContent, content }: CallToolResult): unknown {
  if (structuredContent !== undefined) return structuredContent;
  const shown = content.map(toShown);
  return shown.every((item) => typeof item === 'string') ? shown.join('\n') : shown;
}

export function readText({ content }: CallToolResult): string {
  const text = content
    .map((block) => (block.type === 'text' ? block.text : ''))
    .join('\n')
    .trim();
  return text === '' ? 'it does not say which.' : text.slice(0, MAX_ERROR_CHARACTERS);
}

/** Bytes of images and sounds say nothing to a model that reads text. */
function toShown(block: Block): unknown {
  if (block.type === 'text') return block.text;
  if (block.type === 'resource')
    return 'text' in block.resource
      ? { uri: block.resource.uri, text: block.resource.text }
      : { uri: block.resource.uri, type: 'not text' };
  if (block.type === 'resource_link') return { uri: block.uri, name: block.name };
  return { type: block.type, mime_type: block.mimeType, note: 'not shown' };
}
