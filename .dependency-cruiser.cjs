// Who may import whom. scripts/boundaries/canary.ts has, for each rule, an import that breaks it and must be reported.

const { builtinModules } = require('node:module');

const TESTS = '(\\.test\\.ts$|/tests/|^dev-stack/e2e/)';
const NODE_MODULES = `^(${builtinModules.map((name) => name.replace(/^node:/, '')).join('|')})$`;
const DEPLOYABLES = '^(?:workers|services)/';

/** Shared packages from the ground up: each may import what stands in a line above its own, and nothing else. */
const LAYERS = [
  ['contracts'],
  ['errors', 'config'],
  ['logging', 'keys', 'audit'],
  ['bearer'],
  ['http', 'traces'],
  ['models', 'diagnosis'],
  ['agent-kit'],
];

/** Shared packages that no production code imports. */
const TOOLS = ['bundle', 'testkit'];

const packages = (names) => `^shared-packages/(${names.join('|')})/`;

const layerRules = LAYERS.map((layer, index) => ({
  name: `layer-of-${layer.join('-and-')}`,
  comment: 'Shared packages form a one-way graph: move the shared idea down, or pass it in.',
  severity: 'error',
  from: { path: packages(layer), pathNot: TESTS },
  to: { path: '^shared-packages/', pathNot: ['^shared-packages/$1/', ...(index === 0 ? [] : [packages(LAYERS.slice(0, index).flat())])] },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'deployables-stand-alone',
      comment: 'Deployables meet over HTTP only, so that any one of them can be rolled back alone.',
      severity: 'error',
      from: { path: '^(workers|services)/([^/]+)/' },
      to: { path: DEPLOYABLES, pathNot: '^$1/$2/' },
    },
    {
      name: 'only-dev-stack-composes',
      comment: 'Only dev-stack may import deployables: it is the composition root of the local run, the demo and the end-to-end tests.',
      severity: 'error',
      from: { path: '^(shared-packages|cli|scripts)/' },
      to: { path: DEPLOYABLES },
    },
    {
      name: 'programs-are-not-libraries',
      comment: 'dev-stack and cli are programs; what others need of them belongs in a shared package.',
      severity: 'error',
      from: { path: '^(workers|services|shared-packages|dev-stack|cli|scripts)/' },
      to: { path: '^(dev-stack|cli|scripts)/', pathNot: '^$1/' },
    },
    ...layerRules,
    {
      name: 'every-shared-package-has-a-layer',
      comment: 'A new shared package takes its place in LAYERS.',
      severity: 'error',
      from: { path: '^shared-packages/', pathNot: packages([...LAYERS.flat(), ...TOOLS]) },
      to: {},
    },
    {
      name: 'testkit-in-tests-only',
      comment: 'Fakes have no way into production code.',
      severity: 'error',
      from: { pathNot: [TESTS, '^shared-packages/testkit/', '^dev-stack/'] },
      to: { path: '^shared-packages/testkit/' },
    },
    {
      name: 'workers-reach-no-node',
      comment: 'workerd has no Node modules: whatever a Worker imports, directly or through others, must do without.',
      severity: 'error',
      from: { path: '^workers/[^/]+/src/', pathNot: TESTS },
      to: {
        path: [
          NODE_MODULES,
          '^shared-packages/[^/]+/src/node/',
          '^shared-packages/logging/src/pino-sink',
          '(^|/)node_modules/(pino|undici|@hono/node-server)/',
        ],
        reachable: true,
      },
    },
    {
      name: 'packages-by-their-exports',
      comment: 'Another package is imported by its name and a path it exports, never by a relative path into it.',
      severity: 'error',
      from: { path: '^((?:workers|services|shared-packages)/[^/]+|dev-stack|cli|scripts)/' },
      to: { dependencyTypes: ['local'], pathNot: '^$1/' },
    },
    {
      name: 'only-stores-know-drizzle',
      comment: 'SQL is written in store files only; the rest calls them by what they mean.',
      severity: 'error',
      from: {
        pathNot: [
          '^workers/[^/]+/src/store/',
          '^services/[^/]+/src/[^/]+/postgres/',
          '^workers/[^/]+/src/providers/[^/]+/[^/]*(store|sql)[^/]*\\.ts$',
          '/drizzle\\.config\\.ts$',
          TESTS,
        ],
      },
      to: { path: '(^|/)node_modules/drizzle-(orm|kit)/' },
    },
    {
      name: 'app-takes-its-config',
      comment: 'createApp(deps) is handed its configuration, so that a test can hand it another.',
      severity: 'error',
      from: { path: '/src/app\\.ts$' },
      to: { path: '/src/env\\.ts$' },
    },
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one idea, or three. Types may: a route names the app it is mounted in.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-dangling-imports',
      comment: 'An import that leads nowhere would also hide from every rule above.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
      extensions: ['.ts', '.mjs', '.js', '.d.ts', '.json'],
    },
  },
};
