// The issuer with which `cqlgate login` signs in: a row of the configuration, or what the command line names.
import { loadConfig } from '../config/load.ts';
import { ConfigFault } from '../errors.ts';

interface LoginIssuer {
  readonly issuer: string;
  readonly clientId: string;
  readonly ca: string | undefined;
}

/** Rejects with ConfigFault. */
export async function loginIssuer(from: {
  readonly config?: string;
  readonly issuer?: string;
  readonly issuerUrl?: string;
  readonly clientId?: string;
}): Promise<LoginIssuer> {
  if (from.config === undefined) {
    const { issuerUrl: issuer, clientId } = from;
    if (issuer !== undefined && clientId !== undefined) {
      return { issuer, clientId, ca: undefined };
    }
    throw new ConfigFault(['give --issuer-url and --client-id, or a configuration by -c']);
  }
  const { issuers } = await loadConfig(from.config);
  const rows = issuers.flatMap((row) =>
    'clientId' in row && row.clientId !== undefined && row.name === (from.issuer ?? row.name)
      ? [{ issuer: row.issuer, clientId: row.clientId, ca: row.ca }]
      : [],
  );
  const [row, ...others] = rows;
  if (row !== undefined && others.length === 0) return row;
  throw new ConfigFault([
    row === undefined
      ? `no issuer of the configuration ${from.issuer === undefined ? '' : `called ${from.issuer} `}has a clientId`
      : 'several issuers have a clientId; name one by --issuer',
  ]);
}
