// Typed lint. Rules that a formatter can decide are prettier's; rules about import direction are
// dependency-cruiser's (.dependency-cruiser.cjs).
import tseslint from 'typescript-eslint';
import { guardedEntries } from './test/support/guarded-entries.js';

const CLOCKS =
  'src/clock.ts reads the clocks, a type for each; src/wall-clock.ts reads and writes times, and bounds them.';

const NODE_GLOBALS = [
  'AbortSignal',
  'Buffer',
  'URL',
  'clearInterval',
  'clearTimeout',
  'console',
  'fetch',
  'performance',
  'process',
  'setImmediate',
  'setInterval',
  'setTimeout',
];

/** What the compiler finds in TypeScript. */
const UNTYPED_RULES = Object.fromEntries(
  [
    'constructor-super',
    'eqeqeq',
    'no-class-assign',
    'no-cond-assign',
    'no-const-assign',
    'no-constant-condition',
    'no-dupe-args',
    'no-dupe-class-members',
    'no-dupe-else-if',
    'no-dupe-keys',
    'no-duplicate-case',
    'no-empty',
    'no-empty-pattern',
    'no-fallthrough',
    'no-func-assign',
    'no-import-assign',
    'no-new-native-nonconstructor',
    'no-obj-calls',
    'no-redeclare',
    'no-self-assign',
    'no-setter-return',
    'no-sparse-arrays',
    'no-this-before-super',
    'no-undef',
    'no-unreachable',
    'no-unsafe-finally',
    'no-unsafe-negation',
    'no-unsafe-optional-chaining',
    'no-unused-labels',
    'no-useless-catch',
    'no-var',
    'prefer-const',
    'use-isnan',
    'valid-typeof',
  ].map((rule) => [rule, 'error']),
);

export default tseslint.config(
  { ignores: ['dist/lib', 'node_modules', 'coverage'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      // noUncheckedIndexedAccess makes every indexed read possibly undefined; where a bounds check
      // precedes it, `x[i]!` says so.
      '@typescript-eslint/no-non-null-assertion': 'off',
      'no-console': 'error',
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: [
      // Guards are made of what they guard.
      'src/guard.ts',
      // Its own: every write, timer and rejection of it ends in `onError`, which nothing may come before.
      'src/audit/ledger*.ts',
      'src/audit/directory-lock.ts',
      // A thread of its own: what it throws ends the thread, and its one text is refused (analyst.ts).
      'src/session/analysis-worker.ts',
      // The last resort is what is left where a guard was missing.
      'src/commands/last-resort.ts',
      // Short-lived commands: an error ends the command, and is its answer.
      'src/main.ts',
      'src/commands/{analyse,login,policy-suggest,provision}.ts',
      // Of the sidecar's own command; what its clients send is handled in src/sidecar.
      'src/commands/sidecar.ts',
    ],
    plugins: { cqlgate: { rules: { 'guarded-entries': guardedEntries } } },
    rules: { 'cqlgate/guarded-entries': 'error' },
  },
  {
    // No type is known in JavaScript: what the compiler would find there is left to the rules of names and flow.
    files: ['**/*.js', '**/*.cjs', '**/*.mjs'],
    ...tseslint.configs.disableTypeChecked,
    languageOptions: {
      parserOptions: { projectService: false, program: null },
      globals: Object.fromEntries(NODE_GLOBALS.map((name) => [name, 'readonly'])),
    },
    rules: { ...tseslint.configs.disableTypeChecked.rules, ...UNTYPED_RULES },
  },
  {
    files: ['**/*.cjs'],
    languageOptions: { globals: { module: 'writable', require: 'readonly' } },
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
  {
    // Programs that print.
    files: ['dist/main.js', 'examples/**', 'helm/**', 'test/drivers/**'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['src/**'],
    // The two that read the clocks, and that read and write times.
    ignores: ['src/clock.ts', 'src/wall-clock.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        { name: 'Date', message: CLOCKS },
        { name: 'performance', message: CLOCKS },
      ],
      'no-restricted-imports': [
        'error',
        { paths: ['perf_hooks', 'node:perf_hooks'].map((name) => ({ name, message: CLOCKS })) },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector:
            "MemberExpression[property.name='toISOString'], MemberExpression[property.name=/^(Date|performance)$/][object.name=/^(globalThis|global)$/], MemberExpression[object.name='process'][property.name='hrtime']",
          message: CLOCKS,
        },
        {
          // A cast is how a moment of one clock would become one of the other, or a number.
          selector: 'TSAsExpression > TSTypeReference[typeName.name=/^(WallMs|MonotonicMs)$/]',
          message: 'A moment is had from src/clock.ts or src/wall-clock.ts, and never by a cast.',
        },
      ],
    },
  },
  {
    files: ['test/**/*.test.ts', 'test/support/quick-start.ts'],
    rules: {
      // What a hook assigns is missing in the hook that closes it where the first one failed; the compiler does not
      // look into callbacks and takes it for assigned.
      '@typescript-eslint/no-unnecessary-condition': 'off',
    },
  },
  {
    files: ['test/**', 'bench/**'],
    rules: {
      'no-console': 'off',
      '@typescript-eslint/no-explicit-any': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
);
