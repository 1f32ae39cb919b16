// Roles of a policy with the logins they use, for tests of what the cluster must hold for them.
import { parseGrant } from '../../src/policy/grant.ts';
import type { Need } from '../../src/cql/statement.ts';
import { desiredState, type DesiredState } from '../../src/provision/desired.ts';
import type { Existing } from '../../src/provision/existing.ts';
import { roleDocument, type TestRoleDocument } from '../support/policy.ts';
import type { LoginSpec } from '../../src/secrets/upstream-login.ts';

export const CI: LoginSpec = { username: 'ci', password: { env: 'CI' } };

export function need(text: string): Need {
  const grant = parseGrant(text);
  if ('problem' in grant || grant.resource.type === 'KEYSPACE PREFIX') throw new Error(text);
  return { permission: grant.permissions[0]!, resource: grant.resource };
}

export function existing(...resources: string[]): Existing {
  return {
    resources: new Set(resources),
    keyspaces: resources.flatMap((text) => /^KEYSPACE (\w+)$/.exec(text)?.[1] ?? []),
  };
}

export function desired(
  roles: readonly TestRoleDocument[],
  {
    logins = { ci: CI },
    ...rest
  }: Partial<{
    logins: Record<string, LoginSpec>;
    existing: Existing | null;
    gateRole: string;
    ownKeyspace: { name: string; replication: Record<string, string | number> } | null;
  }> = {},
): DesiredState {
  return desiredState({
    logins: new Map(Object.entries(logins)),
    roles: roles.map((role) => roleDocument({ cassandraRole: 'ci', ...role })),
    gateRole: 'gate',
    ownKeyspace: null,
    existing: null,
    ...rest,
  });
}
