import { type RawAnswer, requestRaw } from '@rubot/testkit/raw-http';
import type { ModelStack } from '../_stack.ts';
import type { Credentials, Role } from './_roles.ts';
import type { TenantWorld } from './_world.ts';
import type { AccessTable, Entry, RouteRequest } from './access.ts';

/** A service, and who may do what at it. */
export interface Door {
  readonly origin: string;
  readonly table: AccessTable;
}

export interface Step {
  readonly route: string;
  readonly role: Role;
  readonly entry: Entry;
  readonly isAllowed: boolean;
}

export interface Walked extends Step {
  readonly answer: RawAnswer;
  /** As it was sent: what of it comes back is no news to its sender. */
  readonly sent: string;
}

export interface WalkOptions {
  readonly stack: ModelStack;
  readonly credentials: Credentials;
  readonly door: Door;
  readonly roles: readonly Role[];
  /** Whose things are asked for. */
  readonly target: TenantWorld;
  readonly isMeant?: (step: Step) => boolean;
  /** True where it is nothing of theirs: nothing is made ready for them then. */
  readonly areStrangers?: boolean;
}

const WIDTH = 8;

/** Every route of the table with every role, each as good a request as there can be. */
export async function walk(options: WalkOptions): Promise<readonly Walked[]> {
  const { stack, credentials, door, roles, target, isMeant = () => true, areStrangers = false } = options;
  const steps = Object.entries(door.table).flatMap(([route, entry]) =>
    roles.map((role): Step => ({ route, role, entry, isAllowed: !areStrangers && entry.allow.includes(role) })),
  );
  const waiting = steps.filter(isMeant)[Symbol.iterator]();
  const walked: Walked[] = [];

  async function work(): Promise<void> {
    for (const step of waiting) {
      const { entry, role, route, isAllowed } = step;
      const request = (isAllowed ? await entry.fresh?.(target, stack) : undefined) ?? entry.request?.(target, role, stack) ?? {};
      const [method = '', path = ''] = route.split(' ');
      const sent = { method, path: fillPath(path, request), ...toSent(method, request, credentials[role]) };
      walked.push({ ...step, sent: JSON.stringify(sent), answer: await requestRaw(door.origin, sent) });
    }
  }

  await Promise.all(Array.from({ length: WIDTH }, work));
  return walked;
}

export function toSent(method: string, { headers, body }: RouteRequest, credential: Readonly<Record<string, string>>) {
  const hasBody = method !== 'GET' && method !== 'HEAD' && body !== undefined;
  const type = hasBody ? { 'content-type': 'application/json' } : {};
  return { headers: Object.entries({ ...type, ...headers, ...credential }), ...(hasBody ? { body: JSON.stringify(body) } : {}) };
}

/** `/v1/models/:model{.+}` with what stands for its parameters. */
export function fillPath(path: string, { params = {}, query = '' }: RouteRequest): string {
  return path.replace(/:(\w+)(?:\{[^}]*\})?/g, (_, name: string) => params[name] ?? 'nothing') + query;
}

export function describeWalked({ route, role, answer }: Walked): string {
  return `${role} at ${route}: ${answer.status} ${answer.text.slice(0, 200)}`;
}

/** Marks of a tenant in an answer, but for those that the request itself brought. */
export function findMarks(mark: string, { answer, sent }: Pick<Walked, 'answer' | 'sent'>): readonly string[] {
  const marks = new RegExp(`${mark}[\\w-]*`, 'g');
  const brought = new Set(sent.match(marks));
  return [...answer.text.matchAll(marks), ...answer.headers.join('\n').matchAll(marks)]
    .map(([found]) => found)
    .filter((found) => !brought.has(found));
}
