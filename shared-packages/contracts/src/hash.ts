import { toHex } from './hex.ts';

const encoder = new TextEncoder();

/** SHA-256 of the text’s UTF-8, in hex: what is compared, or kept, in place of a text. */
export async function hashText(text: string): Promise<string> {
  return toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', encoder.encode(text))));
}
