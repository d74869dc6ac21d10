import { toHex } from '@rubot/contracts/hex';

/** `run_` and a UUIDv7 without hyphens (RFC 9562 §5.7): ids sort by the time they were made, which indexes like. */
export function newRunId(nowMs: number = Date.now()): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, Math.floor(nowMs / 2 ** 32));
  view.setUint32(2, nowMs % 2 ** 32);
  view.setUint8(6, 0x70 | (view.getUint8(6) & 0x0f));
  view.setUint8(8, 0x80 | (view.getUint8(8) & 0x3f));
  return `run_${toHex(bytes)}`;
}
