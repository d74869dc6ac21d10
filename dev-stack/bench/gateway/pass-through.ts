interface PassThroughBindings {
  readonly UPSTREAM_URL: string;
}

/** The least a Worker can do between a client and an upstream: what the gateway is held against. */
const passThrough = {
  fetch(request: Request, { UPSTREAM_URL }: PassThroughBindings): Promise<Response> {
    return fetch(new Request(`${UPSTREAM_URL}${new URL(request.url).pathname}`, request));
  },
};

// biome-ignore lint/style/noDefaultExport: workerd finds a Worker's handlers in the default export.
export default passThrough;
