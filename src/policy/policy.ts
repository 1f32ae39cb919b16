// A policy: roles, and who may take which. Immutable; a reload swaps the whole of it. Only here is
// an Authority made, and without one there is nothing to decide by.
import type { Principal } from '../identity/principal.ts';
import type { LoginRefusal } from '../refusals.ts';
import { adminLevelOf, type AdminBinding, type AdminLevel } from './admins.ts';
import { bindingMatches, hangsOnTarget, mismatchOf, type Binding } from './bindings.ts';
import { Role, type RoleDocument } from './role.ts';

export interface PolicyDocument {
  readonly roles: readonly RoleDocument[];
  readonly bindings: readonly Binding[];
  readonly admins?: readonly AdminBinding[];
  /**
   * Names of the gate's upstream logins in Cassandra: no statement changes them. The list is the
   * caller's: logins from Vault come and go under one policy.
   */
  readonly ownLogins: readonly string[];
}

/** A principal in a role, under one policy. */
export interface Authority {
  readonly policy: Policy;
  readonly principal: Principal;
  readonly role: Role;
  readonly binding: Binding;
}

export interface AuthorityRefusal {
  readonly reason: LoginRefusal;
  readonly message: string;
}

/** The username that asks for the one role bound to the token. */
export const ANY_ROLE = 'oidc';

export class Policy {
  /** A prefix of the hash of the policy file's content. */
  readonly version: string;
  readonly #roles: ReadonlyMap<string, Role>;
  readonly #bindings: readonly Binding[];
  readonly #admins: readonly AdminBinding[];
  readonly #ownLogins: readonly string[];

  constructor(document: PolicyDocument, version: string) {
    this.version = version;
    this.#roles = new Map(document.roles.map((role) => [role.name, new Role(role)]));
    this.#bindings = document.bindings;
    this.#admins = document.admins ?? [];
    this.#ownLogins = document.ownLogins;
  }

  /** The wanted role for this principal, or why not. `oidc` is the one role that is bound. */
  authorize(principal: Principal, wantedRole: string): Authority | AuthorityRefusal {
    const bound = this.#bindings.filter((binding) => bindingMatches(binding, principal));
    const names = [...new Set(bound.map((binding) => binding.role))].sort();
    if (names.length === 0) {
      return {
        reason: 'unbound',
        message: `No role is bound to this token (issuer ${principal.issuerName}, subject ${principal.subject}). Ask for a binding in the policy; 'cqlgate token inspect' shows the claims.`,
      };
    }
    if (wantedRole === ANY_ROLE && names.length > 1) {
      return {
        reason: 'several_roles',
        message: `Several roles are bound to this token: ${names.join(', ')}. Give the one you want as the username.`,
      };
    }
    const name = wantedRole === ANY_ROLE ? names[0]! : wantedRole;
    const binding = bound.find((one) => one.role === name);
    const role = this.#roles.get(name);
    if (binding === undefined || role === undefined) {
      return {
        reason: 'role_not_bound',
        message: `This token may not take the role ${quoted(wantedRole)}; it may take ${names.join(', ')}. Give that as the username.`,
      };
    }
    return { policy: this, principal, role, binding };
  }

  /** Each binding, and what keeps it from matching: for people who look why. */
  explainBindings(principal: Principal): { binding: Binding; mismatch: string | null }[] {
    return this.#bindings.map((binding) => ({
      binding,
      mismatch: mismatchOf(binding, principal),
    }));
  }

  /** Whether the wanted role may hang on what the principal's pipeline runs for. */
  asksForTarget(principal: Principal, wantedRole: string): boolean {
    return this.#bindings.some(
      (binding) =>
        (wantedRole === ANY_ROLE || wantedRole === binding.role) &&
        hangsOnTarget(binding, principal),
    );
  }

  /** Whether anybody may use the admin API. */
  get hasAdmins(): boolean {
    return this.#admins.length > 0;
  }

  /** What a principal may do with the admin API; null for nothing. */
  adminLevel(principal: Principal): AdminLevel | null {
    return adminLevelOf(this.#admins, principal);
  }

  /** Whether the gate itself logs in to the cluster as this Cassandra role. */
  isOwnLogin(cassandraRole: string): boolean {
    return this.#ownLogins.includes(cassandraRole);
  }

  /** 0 where no role forgives an expired token. */
  get longestGraceMs(): number {
    return Math.max(0, ...[...this.#roles.values()].map(({ session }) => session.graceMs));
  }

  role(name: string): Role | null {
    return this.#roles.get(name) ?? null;
  }

  get roleNames(): readonly string[] {
    return [...this.#roles.keys()];
  }
}

export function isAuthority(result: Authority | AuthorityRefusal): result is Authority {
  return 'policy' in result;
}

/** A name that the client chose, as it may stand in a message. */
function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 64));
}
