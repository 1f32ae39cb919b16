// What the admin API reads of a running gate, and what it does to it.
import type { AdminControl } from '../admin/api.ts';
import { RefusedLogins } from '../admin/refused-logins.ts';
import type { Config } from '../config/schema.ts';
import { AuthFault } from '../errors.ts';
import { ADMIN } from '../limits/process.ts';
import type { Gate } from '../session/gate.ts';
import type { RevocationFeed } from '../fleet/revocation-feed.ts';
import type { WholeGate } from '../workers/worker-group.ts';

export function adminControl(
  gate: Gate,
  feed: RevocationFeed,
  whole: WholeGate,
  port: { readonly host: string; readonly hosts: readonly string[] },
): AdminControl {
  const refused = new RefusedLogins();
  let checking = 0;
  return {
    policy: () => gate.policy,
    issuers: gate.verifier.issuers,
    verify: async (token) => {
      const known = gate.verifier.verifyCached(token);
      if (known !== null) return known;
      if (checking >= ADMIN.checksUnderWay) {
        throw new AuthFault('busy', 'cqlgate is checking too many tokens at once; try again.');
      }
      checking++;
      try {
        return await gate.verifier.verify(token, 'admin port');
      } finally {
        checking--;
      }
    },
    sessions: async () => whole.sessions(),
    revocations: () => gate.revocations.all,
    isRevoked: (principal) => gate.revocations.find(principal) !== null,
    revoke: async (revocation) => {
      const { id, what, value, issuer, reason, revokedBy: by } = revocation;
      gate.audit.append({
        kind: 'config',
        session: null,
        reason: 'tokens revoked',
        detail: { id, what, value, issuer, reason, by },
      });
      gate.log.info({ id, what, by }, 'tokens revoked');
      whole.revoked(revocation);
      return feed.revoke(revocation);
    },
    refused: async (reason, source) => {
      gate.metrics.counter('auth_failures_total', reason).value++;
      // It is counted under a source of its own, so that failures here do not use up the records of a driver's source.
      gate.refusals.failedLogin(`admin port, ${source}`, { kind: 'auth', session: null, reason });
      await refused.failed(source);
    },
    hosts: [...namesOf(port.host), ...port.hosts],
  };
}

/** The names in a Host header by which the port may be called: those of the API, and those by which drivers know the gate. */
export function openHosts({ admin, advertise }: Pick<Config, 'admin' | 'advertise'>): string[] {
  return [
    ...(admin === undefined ? [] : [...namesOf(admin.host), ...admin.hosts]),
    ...(advertise === undefined ? [] : [...namesOf(advertise.host), ...advertise.peers]),
  ];
}

/** The name as a Host header has it; an address that means every address is no name. */
function namesOf(host: string): readonly string[] {
  if (host === '0.0.0.0' || host === '::') return [];
  return [host.includes(':') ? `[${host}]` : host.toLowerCase()];
}
