import { ACCEPTED_WIRE_VERSIONS, API_VERSION, HEADERS } from '@rubot/contracts/headers';
import type { RateLimitHeader } from '@rubot/contracts/limits';
import { RubotError } from '@rubot/errors';
import { toOpenAiResponse } from '@rubot/errors/to-openai';
import type { Logger } from '@rubot/logging';
import type { EventTable } from '@rubot/logging/events';
import { type Span, startSpan } from '@rubot/logging/span';
import { readTraceContext } from '@rubot/logging/trace-context';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';

/** What every handler of every deployable finds in its context. */
export interface BaseVariables {
  /** The span of this request; calls to other services are its children. */
  span: Span;
  spanIsDeferred: boolean;
  failure: unknown;
  /** Set as soon as the run has an id, so that the answer bears it whatever comes of the run. */
  runId: string | undefined;
  /** Set where the answer, or the refusal, is that of an earlier request under the same key. */
  isReplay: boolean;
  /** Set as soon as it is known where the caller stands with its limits, so that refusals tell it as well. */
  rateLimitHeaders: Readonly<Partial<Record<RateLimitHeader, string>>> | undefined;
}

/** What the server under an app lends it with each request; a Worker's lends nothing. */
export interface ConnectionBindings {
  /** Closes the connection at once, with whatever has not gone out yet. */
  readonly disconnect: () => void;
}

export interface BaseEnv {
  Bindings?: ConnectionBindings;
  Variables: BaseVariables;
}

export interface BaseAppOptions {
  readonly logger: Logger<EventTable>;
  /** Clients call it, not services of ours: what they send for a wire version means nothing. False by default. */
  readonly facesClients?: boolean;
  /** Milliseconds of the current moment; injected by tests. */
  readonly now?: () => number;
}

/** An app with what no service may lack: one span a request, one error shape, the standing headers. */
export function createBaseApp<Env extends BaseEnv>(options: BaseAppOptions): Hono<Env> {
  const app = new Hono<Env>();
  app.use(traceRequest<Env>(options));
  app.onError((error, c) => {
    c.set('failure', error);
    return toOpenAiResponse(RubotError.from(error));
  });
  app.notFound((c) => {
    const error = new RubotError('not_found', `There is no ${c.req.method} ${c.req.path} here. Check the path and the method.`);
    c.set('failure', error);
    return toOpenAiResponse(error);
  });
  return app;
}

/** `GET /healthz`: the process lives; it touches nothing else, so that a sick neighbour cannot have it restarted. */
export function answerHealthz(c: Context): Response {
  return c.json({ status: 'ok' });
}

/** Asked every few seconds by whoever watches; their lines would bury those of real requests. */
const PROBES: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics']);

function traceRequest<Env extends BaseEnv>({ logger, facesClients = false, now }: BaseAppOptions): MiddlewareHandler<Env> {
  return async function traceRequestSpan(c, next) {
    const span = startSpan({
      logger,
      ...readTraceContext(c.req.raw.headers),
      event: PROBES.has(c.req.path) ? 'probe.completed' : 'request.completed',
      name: `${c.req.method} ${c.req.path}`,
      kind: 'server',
      ...(now === undefined ? {} : { now }),
    });
    c.set('span', span);
    // Written here and now: workerd drops a request whose client has gone, and runs nothing after an await.
    c.req.raw.signal.addEventListener(
      'abort',
      () => span.end({ error: new RubotError('cancelled', 'The client closed the connection.') }),
      { once: true },
    );
    try {
      if (!facesClients) assertWireVersion(c.req.header(HEADERS.wire));
      await next();
    } catch (thrown) {
      // Hono hands only instances of Error to onError; whatever else was thrown arrives here.
      c.set('failure', thrown);
      c.res = toOpenAiResponse(RubotError.from(thrown));
    }
    setStandingHeaders(c.res.headers, span.traceId, c.var);
    if (c.get('spanIsDeferred') !== true) {
      const failure = c.get('failure');
      span.end({ ...(failure === undefined ? {} : { error: failure }), extra: { status: c.res.status, route: routePath(c, -1) } });
    }
  };
}

/** For a handler that answers with a stream: the span ends when the stream does, and the handler ends it. */
export function deferSpanEnd<Env extends BaseEnv>(c: Context<Env>): Span {
  c.set('spanIsDeferred', true);
  return c.get('span');
}

function setStandingHeaders(
  headers: Headers,
  traceId: string,
  { runId, isReplay, rateLimitHeaders = {} }: Readonly<Partial<BaseVariables>>,
): void {
  headers.set(HEADERS.traceId, traceId);
  headers.set(HEADERS.requestId, traceId);
  headers.set(HEADERS.apiVersion, API_VERSION);
  if (runId !== undefined) headers.set(HEADERS.runId, runId);
  if (isReplay === true) headers.set(HEADERS.idempotentReplayed, 'true');
  for (const [name, value] of Object.entries(rateLimitHeaders)) headers.set(name, value);
}

function assertWireVersion(version: string | undefined): void {
  if (version === undefined || ACCEPTED_WIRE_VERSIONS.includes(Number(version))) return;
  throw new RubotError(
    'unsupported_wire_version',
    `Wire version ${version} is not spoken here, only ${ACCEPTED_WIRE_VERSIONS.join(', ')}. Deploy the two services at most one version apart.`,
  );
}
