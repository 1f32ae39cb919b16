// A configuration and a policy in a directory of their own, for tests that change one thing.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

export const CONFIG = `
listen: {host: 127.0.0.1, port: 9042}
cluster:
  contactPoints: ["127.0.0.1:9043"]
cassandraRoles:
  ci: {username: ci, password: {file: secret}}
issuers:
  - {name: pipelines, type: bitbucket, workspace: acme, workspaceUuid: "{1}", audience: "https://gate"}
policy: policy.yaml
audit: {dir: ./audit}
`;

export const POLICY = `
version: 1
roles:
  migrator:
    cassandraRole: ci
    grants: [SELECT ON KEYSPACE orders]
bindings:
  - {name: orders, role: migrator, issuer: pipelines, where: {repositoryUuid: "{2}"}}
`;

export class Files {
  readonly dir: string;
  private constructor(dir: string) {
    this.dir = dir;
  }

  static async create(config = CONFIG, policy = POLICY): Promise<Files> {
    const files = new Files(await mkdtemp(path.join(os.tmpdir(), 'cqlgate-config-')));
    await files.write('cqlgate.yaml', config);
    await files.write('policy.yaml', policy);
    await files.write('secret', 's3cret\n');
    return files;
  }

  get config(): string {
    return path.join(this.dir, 'cqlgate.yaml');
  }

  get policy(): string {
    return path.join(this.dir, 'policy.yaml');
  }

  async write(name: string, content: string): Promise<void> {
    // As secrets are kept: for nobody else, which is no matter for the others.
    await writeFile(path.join(this.dir, name), content, { mode: 0o600 });
  }

  async remove(): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}
