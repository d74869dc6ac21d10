import { once } from 'node:events';
import { Agent, type IncomingMessage, request as sendRequest } from 'node:http';
import { connect } from 'node:net';

export interface RawRequest {
  readonly method?: string;
  /** Sent as it stands: nothing resolves its dots or decodes its escapes. */
  readonly path: string;
  /** In this order, and as often as they stand here. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly body?: string;
}

export interface RawAnswer {
  readonly status: number;
  /** Each as `name: value`, in lower case up to the colon. */
  readonly headers: readonly string[];
  readonly text: string;
}

const agent = new Agent({ keepAlive: true, maxSockets: 16 });

/** A request that `fetch` would mend, or refuse to send. */
export async function requestRaw(origin: string, { method = 'GET', path, headers = [], body }: RawRequest): Promise<RawAnswer> {
  const { host, hostname, port } = new URL(origin);
  const length: (readonly [string, string])[] = body === undefined ? [] : [['content-length', String(Buffer.byteLength(body))]];
  const sent = [['host', host] as const, ...headers, ...length].flat();
  const request = sendRequest({ hostname, port, method, path, headers: sent, agent });
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const chunks: Uint8Array[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return { status: response.statusCode ?? 0, headers: toLines(response.rawHeaders), text: Buffer.concat(chunks).toString('utf8') };
}

function toLines(rawHeaders: readonly string[]): readonly string[] {
  return rawHeaders.flatMap((name, index) => (index % 2 === 0 ? [`${name.toLowerCase()}: ${rawHeaders[index + 1]}`] : []));
}

/** What never closes a connection by itself, and has no more to say, has had time enough for it. */
const QUIET_MS = 1_500;

export interface SendBytesOptions {
  /** How many answers to wait for; by default, for as many as come until the server closes the connection or falls silent. */
  readonly answers?: number;
}

/** Whatever comes back for these bytes: one answer, several, or none. */
export async function sendBytes(
  origin: string,
  bytes: string | Uint8Array,
  { answers = Number.POSITIVE_INFINITY }: SendBytesOptions = {},
): Promise<readonly RawAnswer[]> {
  const { hostname, port } = new URL(origin);
  const socket = connect({ host: hostname, port: Number(port) });
  const ended = Promise.withResolvers<void>();
  let received = '';
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
    if (splitAnswers(received).filter(isWhole).length >= answers) ended.resolve();
  });
  socket.on('error', () => ended.resolve());
  socket.on('close', () => ended.resolve());
  socket.setTimeout(QUIET_MS, () => ended.resolve());
  socket.write(bytes);
  await ended.promise;
  socket.destroy();
  return splitAnswers(received);
}

function splitAnswers(text: string): readonly RawAnswer[] {
  return text
    .split(/^(?=HTTP\/1\.[01] \d{3})/m)
    .filter((part) => part.startsWith('HTTP/'))
    .map((part) => {
      const [head = '', ...rest] = part.split('\r\n\r\n');
      const [statusLine = '', ...lines] = head.split('\r\n');
      const headers = lines.map((line) => line.replace(/^[^:]*/, (name) => name.toLowerCase()));
      return { status: Number(statusLine.split(' ')[1]), headers, text: rest.join('\r\n\r\n') };
    });
}

function isWhole({ headers, text }: RawAnswer): boolean {
  if (headers.some((line) => line.startsWith('transfer-encoding:'))) return text.endsWith('0\r\n\r\n');
  const length = headers.find((line) => line.startsWith('content-length:'));
  return length !== undefined && text.length >= Number(length.split(':')[1]);
}
