/** One Worker of a workerd process. */
export interface WorkerDefinition {
  readonly name: string;
  /** File name of the bundled module, beside the configuration. */
  readonly module: string;
  readonly compatibilityDate: string;
  readonly compatibilityFlags: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
  /** Binding name to the name of another Worker of the same process. */
  readonly serviceBindings: Readonly<Record<string, string>>;
}

/** The name under which workerd reports the port that the first Worker listens on. */
export const SOCKET_NAME = 'http';

/**
 * A workerd configuration in Cap'n Proto's text form; the first Worker listens on a free port of loopback, and
 * nothing beyond this machine can be reached. https://github.com/cloudflare/workerd/blob/main/src/workerd/server/workerd.capnp
 */
export function renderWorkerdConfig(workers: readonly [WorkerDefinition, ...WorkerDefinition[]]): string {
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "internet", network = (allow = ["local"])),
    ${workers.map(renderWorker).join(',\n    ')}
  ],
  sockets = [(name = "${SOCKET_NAME}", address = "127.0.0.1:0", http = (), service = ${quote(workers[0].name)})],
);
`;
}

function renderWorker(worker: WorkerDefinition): string {
  const bindings = [
    ...Object.entries(worker.variables).map(([name, value]) => `(name = ${quote(name)}, text = ${quote(value)})`),
    ...Object.entries(worker.serviceBindings).map(([name, service]) => `(name = ${quote(name)}, service = ${quote(service)})`),
  ];
  return `(name = ${quote(worker.name)}, worker = (
      modules = [(name = "worker", esModule = embed ${quote(worker.module)})],
      compatibilityDate = ${quote(worker.compatibilityDate)},
      compatibilityFlags = [${worker.compatibilityFlags.map(quote).join(', ')}],
      bindings = [${bindings.join(', ')}],
    ))`;
}

/** Cap'n Proto escapes as C does, of which JSON is a part for the ASCII that stands here. */
function quote(text: string): string {
  return JSON.stringify(text);
}
