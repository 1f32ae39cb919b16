// `cqlgate token inspect` says what a token is, which roles it may take here, and why it may take no others.
import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { AuthFault } from '../errors.ts';
import { TokenVerifier } from '../identity/verifier.ts';
import { ANY_ROLE, isAuthority, type Policy } from '../policy/policy.ts';
import { CONFIG_OPTION, EXIT, printJson, type CommandDefinition } from './command.ts';
import { configuredPolicy } from './configured-policy.ts';

export const command: CommandDefinition<{ readonly config: string }, string | undefined> = {
  summary:
    'say what a token is, which roles it may take here, and why not; exit code 1 where refused',
  argument: {
    name: '[file]',
    summary: 'file with the token; standard input where it is left out or -',
  },
  options: [CONFIG_OPTION],
  run: async ({ config }, terminal, file) => {
    const isFile = file !== undefined && file !== '-';
    const token = isFile ? await readFile(file, 'utf8') : await readAll(terminal.input);
    const { policy, issuers } = await configuredPolicy(config);
    const inspection = await inspectToken(token.trim(), new TokenVerifier({ issuers }), policy);
    printJson(terminal, inspection);
    const roles = [...inspection.roles, ...inspection.rolesByPipelineTarget];
    return roles.length === 0 ? EXIT.refused : EXIT.ok;
  },
};

async function readAll(input: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of input) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString('utf8');
}

interface Inspection {
  readonly header: unknown;
  readonly claims: unknown;
  readonly valid: boolean;
  readonly issuer: string | null;
  readonly isHuman: boolean;
  readonly roles: readonly string[];
  /** Each binding of the policy, with what keeps it from matching. */
  readonly bindings: readonly {
    readonly name: string;
    readonly role: string;
    readonly mismatch: string | null;
  }[];
  /** Roles that it may take too, if its pipeline runs for what their bindings ask for; Bitbucket is not asked here. */
  readonly rolesByPipelineTarget: readonly string[];
  readonly problem: string | null;
}

/** The signature is not part of the answer: what is printed must not be usable as a token. */
export async function inspectToken(
  token: string,
  verifier: TokenVerifier,
  policy: Policy,
): Promise<Inspection> {
  const [header, claims] = token.split('.').map(decoded);
  const seen = { header: header ?? null, claims: claims ?? null };
  try {
    const principal = await verifier.verify(token);
    const roles = policy.roleNames.filter((name) => isAuthority(policy.authorize(principal, name)));
    const rolesByPipelineTarget = policy.roleNames.filter(
      (name) => !roles.includes(name) && policy.asksForTarget(principal, name),
    );
    const any = policy.authorize(principal, ANY_ROLE);
    const problem = isAuthority(any) ? null : any.message;
    const bindings = policy.explainBindings(principal).map(({ binding, mismatch }) => ({
      name: binding.name,
      role: binding.role,
      mismatch,
    }));
    const { issuerName: issuer, isHuman } = principal;
    return {
      ...seen,
      valid: true,
      issuer,
      isHuman,
      roles,
      rolesByPipelineTarget,
      bindings,
      problem,
    };
  } catch (error) {
    if (!(error instanceof AuthFault)) throw error;
    const nobody = {
      issuer: null,
      isHuman: false,
      roles: [],
      rolesByPipelineTarget: [],
      bindings: [],
    };
    return { ...seen, valid: false, ...nobody, problem: error.message };
  }
}

function decoded(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as unknown;
  } catch {
    return null;
  }
}
