// `cqlgate token inspect`: what a token is, who it would be here, and why not.
import { AuthFault } from '../errors.ts';
import type { TokenVerifier } from '../identity/verifier.ts';
import { ANY_ROLE, isAuthority, type Policy } from '../policy/policy.ts';

export interface Inspection {
  readonly header: unknown;
  readonly claims: unknown;
  readonly valid: boolean;
  readonly issuer: string | null;
  readonly isHuman: boolean;
  readonly roles: readonly string[];
  /** Each binding of the policy, and what keeps it from matching. */
  readonly bindings: readonly {
    readonly name: string;
    readonly role: string;
    readonly mismatch: string | null;
  }[];
  /** Roles it may take too, if its pipeline runs for what their bindings say; not asked for here. */
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
