// Typed lint. Rules that a formatter can decide are prettier's; rules about import direction are
// dependency-cruiser's (.dependency-cruiser.cjs).
import tseslint from 'typescript-eslint';
import { guardedEntries } from './test/support/guarded-entries.js';

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'coverage', '**/*.cjs', '**/*.mjs', '**/*.js'] },
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
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // noUncheckedIndexedAccess makes every indexed read possibly undefined; where a bounds check
      // precedes it, `x[i]!` says so.
      '@typescript-eslint/no-non-null-assertion': 'off',
      'no-console': 'error',
    },
  },
  {
    files: ['src/**'],
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
    files: ['src/**'],
    // The ledger's files are named and its records dated by its own clock.
    ignores: ['src/wall-clock.ts', 'src/audit/ledger*.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector:
            "NewExpression[callee.name='Date'][arguments.length>0], MemberExpression[object.name='Date'][property.name='parse'], MemberExpression[property.name='toISOString']",
          message: 'Times are read and written by src/wall-clock.ts, which bounds them.',
        },
      ],
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
