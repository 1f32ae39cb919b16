// Who may use the admin API: bindings of their own, to a level instead of a role.
import type { Principal } from '../identity/principal.ts';
import { bindingMatches, type Binding } from './bindings.ts';

/** Each may do what those before it may. */
export const ADMIN_LEVELS = ['viewer', 'operator'] as const;
export type AdminLevel = (typeof ADMIN_LEVELS)[number];

/** Its role is the level. */
export type AdminBinding = Binding & { readonly role: AdminLevel };

/** The highest level that is bound to a principal; null where none is. */
export function adminLevelOf(
  admins: readonly AdminBinding[],
  principal: Principal,
): AdminLevel | null {
  const bound = admins.filter((binding) => bindingMatches(binding, principal));
  return ADMIN_LEVELS.findLast((level) => bound.some(({ role }) => role === level)) ?? null;
}

export function mayDo(level: AdminLevel, asked: AdminLevel): boolean {
  return ADMIN_LEVELS.indexOf(level) >= ADMIN_LEVELS.indexOf(asked);
}
