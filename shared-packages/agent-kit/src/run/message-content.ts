import type { ChatMessage } from '@rubot/contracts/chat-request';
import { RubotError } from '@rubot/errors';
import type { AssistantContent, UserContent } from 'ai';
import { z } from 'zod';
import { type ImageHosts, toImageUrl } from './image-url.ts';

type Content = NonNullable<ChatMessage['content']>;
type ContentPart = Exclude<Content, string>[number];
type UserPart = Exclude<UserContent, string>[number];
type AssistantMessage = Extract<ChatMessage, { role: 'assistant' }>;

const TextPart = z.object({ type: z.enum(['text', 'refusal']), text: z.string().optional(), refusal: z.string().optional() });
const ImagePart = z.object({ type: z.literal('image_url'), image_url: z.looseObject({ url: z.url() }) });
const AudioPart = z.object({ type: z.literal('input_audio'), input_audio: z.object({ data: z.base64(), format: z.enum(['wav', 'mp3']) }) });
const FilePart = z.object({
  type: z.literal('file'),
  file: z.looseObject({ file_data: z.string().regex(/^data:/), filename: z.string().optional() }),
});

/** The text of a message; parts of other kinds say nothing here. */
export function readText(content: Content): string {
  if (typeof content === 'string') return content;
  return content.map(readPartText).join('');
}

function readPartText(part: ContentPart): string {
  const { data } = TextPart.safeParse(part);
  return data?.text ?? data?.refusal ?? '';
}

/** @throws RubotError `invalid_request` for a part that no model could be given */
export function toUserContent(content: Content, param: string, imageHosts: ImageHosts): UserContent {
  if (typeof content === 'string') return content;
  return content.map((part, index) => toUserPart(part, `${param}[${index}]`, imageHosts));
}

function toUserPart(part: ContentPart, param: string, imageHosts: ImageHosts): UserPart {
  const text = TextPart.safeParse(part).data;
  if (text !== undefined) return { type: 'text', text: text.text ?? text.refusal ?? '' };
  const image = ImagePart.safeParse(part).data?.image_url;
  if (image !== undefined) {
    const data = toImageUrl(image.url, imageHosts, `${param}.image_url.url`);
    // What else the client says of the image, such as its detail, goes to providers that speak OpenAI's language.
    return { type: 'file', mediaType: 'image', data, providerOptions: { openaiCompatible: toImageOptions(image) } };
  }
  const audio = AudioPart.safeParse(part).data?.input_audio;
  if (audio !== undefined) return { type: 'file', mediaType: audio.format === 'mp3' ? 'audio/mpeg' : 'audio/wav', data: audio.data };
  const file = FilePart.safeParse(part).data?.file;
  if (file !== undefined) return toFilePart(file);
  throw new RubotError(
    'invalid_request',
    `Invalid value for '${param}': must be text, image_url, input_audio or file with file_data, and well-formed.`,
    { param },
  );
}

function toImageOptions({
  url,
  detail,
}: {
  readonly url: string;
  readonly [name: string]: unknown;
}): Record<string, { url: string; detail: string }> {
  return typeof detail === 'string' ? { image_url: { url, detail } } : {};
}

function toFilePart({ file_data, filename }: { readonly file_data: string; readonly filename?: string | undefined }): UserPart {
  const mediaType = /^data:([\w.+-]+\/[\w.+-]+)/.exec(file_data)?.[1] ?? 'application/octet-stream';
  return { type: 'file', mediaType, data: new URL(file_data), ...(filename === undefined ? {} : { filename }) };
}

export function toAssistantContent(message: AssistantMessage): AssistantContent {
  const text = readText(message.content ?? '');
  const calls = (message.tool_calls ?? []).map((call) => ({
    type: 'tool-call' as const,
    toolCallId: call.id,
    toolName: call.function.name,
    input: parseArguments(call.function.arguments),
  }));
  if (calls.length === 0) return text;
  return [...(text === '' ? [] : [{ type: 'text' as const, text }]), ...calls];
}

/** What a model once said stays as it said it, JSON or not. */
export function parseArguments(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
