/** What every chunk of an answer says of it. */
export interface Envelope {
  readonly id: string;
  readonly created: number;
  readonly model: string;
}

export function createEnvelope(model: string): Envelope {
  return { id: `chatcmpl-${crypto.randomUUID().replaceAll('-', '')}`, created: Math.floor(Date.now() / 1_000), model };
}
