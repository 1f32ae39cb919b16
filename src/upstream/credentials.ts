// The login in force of each Cassandra role, and the change to the next one. A login stays in force until the cluster has
// let the next one in.
import { backoffMs } from '../backoff.ts';
import { later, LONG_AGO, monotonicMs, type MonotonicMs } from '../clock.ts';
import { unattended } from '../guard.ts';
import { UPSTREAM } from '../limits/upstream.ts';
import { hasEnded, type Login, type LoginSource } from '../secrets/upstream-login.ts';
import { asFault, type UpstreamFault } from './faults.ts';

export type { Login } from '../secrets/upstream-login.ts';

export interface CredentialsOptions {
  readonly sources: ReadonlyMap<string, LoginSource>;
  /** Moves the routes to a login. Rejects with UpstreamFault where it is not let in, and leaves all as it was. */
  readonly moveTo: (login: Login) => Promise<void>;
  /** The login has come into force. */
  readonly moved: (login: Login) => void;
  readonly fault: (fault: UpstreamFault) => void;
}

interface Change {
  readonly login: Login;
  failures: number;
  nextTryAtMs: MonotonicMs;
  underWay: Promise<boolean> | null;
}

export class Credentials {
  readonly #options: CredentialsOptions;
  readonly #inForce = new Map<string, Login>();
  readonly #changes = new Map<string, Change>();

  constructor(options: CredentialsOptions) {
    this.#options = options;
  }

  get names(): readonly string[] {
    return [...this.#options.sources.keys()];
  }

  /** Roles whose next login was not let in when it was tried last. */
  get failing(): readonly string[] {
    return [...this.#changes].filter(([, { failures }]) => failures > 0).map(([name]) => name);
  }

  /** The login in force; null when the configuration has no such entry. */
  of(cassandraRole: string): Login | null {
    const known = this.#inForce.get(cassandraRole);
    if (known !== undefined) return known;
    const login = this.#options.sources.get(cassandraRole)?.current() ?? null;
    if (login !== null) this.#inForce.set(cassandraRole, login);
    return login;
  }

  /**
   * The cluster refused a login: its secret is read anew, once. True where another login is in force then, or was
   * before. False where there is no other, or the cluster refuses that one too.
   */
  async replace(refused: Login): Promise<boolean> {
    const { name } = refused;
    if (this.of(name) !== refused) return true;
    const fresh = await this.fresh(refused);
    return fresh !== null && this.#change(fresh);
  }

  /** What the secret of a refused login is now; null when it is still the same or can't be read. */
  async fresh(refused: Login): Promise<Login | null> {
    const source = this.#options.sources.get(refused.name);
    const login = await source?.refresh().catch(() => null);
    return login === undefined || login === null || login === refused ? null : login;
  }

  /** Notices that a secret changed, and tries refused logins again. */
  tick(nowMs: MonotonicMs): void {
    for (const [name, inForce] of this.#inForce) {
      const login = this.#options.sources.get(name)?.current() ?? inForce;
      if (login === inForce || hasEnded(login, nowMs)) continue;
      const change = this.#changes.get(name);
      const isDue = change?.login !== login || nowMs >= change.nextTryAtMs;
      if (isDue && (change?.underWay ?? null) === null) {
        unattended('secrets', this.#change(login));
      }
    }
  }

  /** True where the login is in force then. A role has one change at a time. */
  async #change(login: Login): Promise<boolean> {
    const { name } = login;
    let change = this.#changes.get(name);
    if (change !== undefined && change.underWay !== null) {
      const done = await change.underWay;
      return change.login === login ? done : this.#change(login);
    }
    if (change?.login !== login)
      change = { login, failures: 0, nextTryAtMs: LONG_AGO, underWay: null };
    this.#changes.set(name, change);
    change.underWay = this.#attempt(change);
    return change.underWay;
  }

  async #attempt(change: Change): Promise<boolean> {
    const { login } = change;
    try {
      await this.#options.moveTo(login);
      this.#inForce.set(login.name, login);
      this.#changes.delete(login.name);
      this.#options.moved(login);
      return true;
    } catch (error) {
      const { rotationRetryMinMs, rotationRetryMaxMs } = UPSTREAM;
      const waitMs = backoffMs(++change.failures, rotationRetryMinMs, rotationRetryMaxMs);
      change.nextTryAtMs = later(monotonicMs(), waitMs);
      this.#options.fault(asFault(error));
      return false;
    } finally {
      change.underWay = null;
    }
  }
}
