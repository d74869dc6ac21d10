/**
 * Stands where the middleware stands, behind the gateway's service binding, and says of every sender that it is
 * linked. The real one answers from D1, which raw workerd does not have.
 */
const sessionStandIn = {
  async fetch(request: Request): Promise<Response> {
    await request.arrayBuffer();
    return Response.json({ status: 'linked', tenant_id: 'bench', allowed_agents: null });
  },
};

// biome-ignore lint/style/noDefaultExport: workerd finds a Worker's handlers in the default export.
export default sessionStandIn;
