// Why a secret could not be had. The message names the place and what to do, never the secret.

export class SecretFault extends Error {
  override readonly name = 'SecretFault';
  /** Waiting may mend it: Vault is down, sealed or busy. */
  readonly mayPass: boolean;
  /** Of Vault's answer; null where there was none. */
  readonly status: number | null;
  constructor(message: string, { mayPass = false, status = null as number | null } = {}) {
    super(message);
    this.mayPass = mayPass;
    this.status = status;
  }
}
