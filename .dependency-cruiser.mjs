/** The layers: what a package's sources may import of the others. All other packages may use all of these, by their entry points. */
const LAYERS = {
  protocol: [],
  os: ['protocol'],
  client: ['protocol', 'os'],
  supervisor: ['protocol', 'os'],
  pool: ['protocol', 'os', 'client'],
}

/** What `exports` of the manifests names, as sources. */
const ENTRIES = 'src/(?:index|rpc|command)[.]ts$'

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-circles',
      comment: 'Modules of a circle cannot be understood or tested alone. Move what both need into a file of its own.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    ...Object.entries(LAYERS).map(([name, below]) => ({
      name: `layers-of-${name}`,
      comment: `@bgtask/${name} imports ${below.length === 0 ? 'no other package' : `only ${below.join(', ')}`}.`,
      severity: 'error',
      from: { path: `^packages/${name}/src/` },
      to: { path: `^packages/(?!(?:${[name, ...below].join('|')})/)` },
    })),
    {
      name: 'no-test-harness',
      comment: 'Only tests use @bgtask/testkit.',
      severity: 'error',
      from: { path: '^packages/(?!testkit/)[^/]+/src/' },
      to: { path: '^packages/testkit/' },
    },
    {
      name: 'public-entry-points',
      comment: 'A package is used by what its manifest exports.',
      severity: 'error',
      from: { path: '^packages/([^/]+)/src/' },
      to: { path: '^packages/', pathNot: [`^packages/$1/`, `^packages/[^/]+/${ENTRIES}`] },
    },
    {
      name: 'packages-by-name',
      comment: 'Another package is imported by its name, not by a path.',
      severity: 'error',
      from: { path: '^packages/([^/]+)/src/' },
      to: { path: '^packages/', pathNot: `^packages/$1/`, dependencyTypes: ['local'], dependencyTypesNot: ['aliased'] },
    },
    {
      name: 'programs-use-entry-points',
      comment: 'What is outside of the packages uses them as their users do.',
      severity: 'error',
      from: { path: '^(?:bench|chaos|e2e|examples|scripts)/' },
      to: { path: '^packages/', pathNot: `^packages/[^/]+/(?:${ENTRIES}|dist/)` },
    },
    {
      name: 'packages-stand-alone',
      comment: 'No source of a package needs what is outside of the packages.',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/' },
      to: { path: '^(?:bench|chaos|e2e|examples|scripts)/' },
    },
    {
      name: 'resolvable',
      comment: 'Each import leads somewhere.',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/' },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules|/dist/' },
    exclude: { path: '/(?:dist|build)/|peers/node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@bgtask/source', 'import', 'node', 'default'],
    },
  },
}
