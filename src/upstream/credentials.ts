// Which login of each Cassandra role the gate works with now, and the change to the next one: the one
// before stays in force until the cluster has let the next one in.
import { backoffMs } from '../backoff.ts';
import { later, LONG_AGO, monotonicMs, type MonotonicMs } from '../clock.ts';
import { unattended } from '../guard.ts';
import { UPSTREAM } from '../limits/upstream.ts';
import { hasEnded, type Login, type LoginSource } from '../secrets/upstream-login.ts';
import { asFault, type UpstreamFault } from './faults.ts';

export type { Login } from '../secrets/upstream-login.ts';

export interface CredentialsOptions {
  readonly sources: ReadonlyMap<string, LoginSource>;
  /** Moves pools and control connection to a login; rejects with UpstreamFault and leaves all as it was. */
  readonly moveTo: (login: Login) => Promise<void>;
  /** The login is in force: it was moved to. */
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

  /** Roles whose next login could not be moved to, the last time it was tried. */
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
   * The cluster refused a login: its secret is read anew, once. True when another login is in force
   * then, or was before; false when there is no other, or the cluster refuses that too.
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

  /** Sees that a secret changed, and tries again what was refused. */
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

  /** True when the login is in force then. One change of a role at a time. */
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
