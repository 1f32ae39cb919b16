// What the admin API of a running gate reads and does.
import { setTimeout as delay } from 'node:timers/promises';
import type { AdminControl } from '../admin/api.ts';
import type { Gate } from '../session/gate.ts';
import type { RevocationFeed } from '../upstream/revocation-feed.ts';
import type { Whole } from '../workers/team.ts';

export function adminControl(
  gate: Gate,
  feed: RevocationFeed,
  whole: Whole,
  port: { readonly host: string; readonly hosts: readonly string[] },
): AdminControl {
  return {
    policy: () => gate.policy,
    issuers: gate.verifier.issuers,
    verify: async (token) => gate.verifier.verify(token),
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
      gate.refusals.failedLogin(source, { kind: 'auth', session: null, reason });
      const ticket = gate.admission.admit(source, () => undefined);
      const waitMs = ticket.failed();
      if (waitMs > 0) await delay(waitMs);
      ticket.release();
    },
    hosts: [...namesOf(port.host), ...port.hosts],
  };
}

/** As a Host header has it; listening on every address is no name. */
function namesOf(host: string): readonly string[] {
  if (host === '0.0.0.0' || host === '::') return [];
  return [host.includes(':') ? `[${host}]` : host.toLowerCase()];
}
