// What `provision` prints: CQL that can be run as it stands, with all else in comments, and drift as
// lines for people. Names come from configuration and policy, so no line end of theirs may end a comment.
import { formatNeed } from '../cql/resource.ts';
import { isDrift, type Difference, type Step, type VaultRole } from './plan.ts';
import type { DesiredState } from './desired.ts';

export interface Report {
  readonly steps: readonly Step[];
  readonly vault: readonly VaultRole[];
  readonly desired: DesiredState;
  readonly differences: readonly Difference[];
}

export function cqlText({ steps, vault, desired, differences }: Report): string {
  const lines: string[] = [];
  for (const { desired: role, isSuperuser } of differences) {
    const of =
      role.policyRoles.length === 0 ? 'no role of the policy' : role.policyRoles.join(', ');
    lines.push(comment(`${role.role}: used by ${of}`));
    if (isSuperuser) lines.push(comment(`  ${superuserText(role.role)}`));
    for (const remark of role.remarks) lines.push(comment(`  ${remark}`));
    for (const text of role.pending) lines.push(comment(`  not there yet: ${text}`));
  }
  lines.push(...desired.remarks.map(comment), '');
  lines.push(...steps.map(({ text }) => `${text};`));
  if (steps.length === 0) lines.push(comment('nothing is missing'));
  for (const { path, creationStatements, revocationStatements, note } of vault) {
    lines.push('', comment(`Vault, ${path}`));
    for (const text of creationStatements ?? []) lines.push(comment(`  creation:   ${text};`));
    for (const text of revocationStatements ?? []) lines.push(comment(`  revocation: ${text};`));
    lines.push(comment(`  ${note}`));
  }
  return lines.join('\n');
}

/** A line for each thing that is not as the policy wants it, and one that sums up. */
export function driftText({ differences }: Report): string {
  const lines = differences.flatMap((one) => {
    const { role } = one.desired;
    return [
      ...(one.exists ? [] : [`${role}: not there`]),
      ...(one.isSuperuser ? [`${role}: superuser: ${superuserText(role)}`] : []),
      ...(one.loginIsOff ? [`${role}: may not log in (LOGIN = false)`] : []),
      ...one.missing.map((right) => `${role}: missing: ${formatNeed(right)}`),
      ...one.wider.map((right) => `${role}: wider: ${formatNeed(right)}`),
      ...one.widerInherited.map(
        ({ from, right }) => `${role}: wider: ${formatNeed(right)}, by role ${from}`,
      ),
      ...one.byCreation.map((right) => `${role}: by creation, no drift: ${formatNeed(right)}`),
      ...one.desired.pending.map((text) => `${role}: not there yet, no drift: ${text}`),
    ];
  });
  const drifting = differences.filter(isDrift).length;
  lines.push(
    drifting === 0
      ? 'no drift: the cluster holds what the policy wants'
      : `drift in ${drifting} of ${differences.length} roles; --apply grants what is missing, with --revoke it takes back what is wider`,
  );
  return lines.map(oneLine).join('\n');
}

export function reportJson({ steps, vault, desired, differences }: Report): unknown {
  return {
    drift: differences.some(isDrift),
    statements: steps.map(({ text }) => text),
    vault: vault.map(({ path, creationStatements, revocationStatements, note }) => ({
      path,
      creation_statements: creationStatements,
      revocation_statements: revocationStatements,
      note,
    })),
    remarks: desired.remarks,
    roles: differences.map((one) => ({
      role: one.desired.role,
      policy_roles: one.desired.policyRoles,
      exists: one.exists,
      superuser: one.isSuperuser,
      login_off: one.loginIsOff,
      missing: one.missing.map(formatNeed),
      wider: one.wider.map(formatNeed),
      wider_inherited: one.widerInherited.map(({ from, right }) => ({
        from,
        right: formatNeed(right),
      })),
      by_creation: one.byCreation.map(formatNeed),
      pending: one.desired.pending,
      remarks: one.desired.remarks,
    })),
  };
}

function superuserText(role: string): string {
  return `${role} is a superuser, whom no permission binds: nothing is granted to it. Make a login of its own for the gate, or ALTER ROLE ... WITH SUPERUSER = false`;
}

function comment(text: string): string {
  return `-- ${oneLine(text)}`;
}

function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ');
}
