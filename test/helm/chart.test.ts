// The chart as Helm renders it: valid by Kubernetes' own schemas, locked by default, restarted for what needs it only.
// The golden files are rewritten by `npx vitest run --project unit test/helm -u`.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { LIMITS } from '../../src/limits/operator.ts';
import { commandLine, unknownIn } from '../docs/command-line.ts';
import {
  CHART,
  find,
  helm,
  HELM_BUILD_MS,
  isHelmSkipped,
  manifestsOf,
  notes,
  objects,
  render,
  type Manifest,
} from '../support/helm.ts';
import {
  KUBERNETES,
  missingForSchemas,
  validator,
  type Validate,
} from '../support/kubernetes-schemas.ts';

const VALUES = ['minimal', 'everything', 'plaintext'] as const;
const NEWEST = KUBERNETES.at(-1)!;
const EXAMPLE = path.join(CHART, 'examples/sidecar-job.yaml');
const schemas = missingForSchemas();
if (schemas !== null) console.warn(`Kubernetes' schemas are skipped: ${schemas}`);

/** Specs of the pods that objects make. */
function podsOf(manifests: readonly Manifest[]): Manifest[] {
  return manifests.flatMap(({ kind, spec }) =>
    kind === 'Pod' ? [spec] : spec?.template?.spec === undefined ? [] : [spec.template.spec],
  );
}

const gateOf = (manifests: readonly Manifest[], name = 'gate-cqlgate'): Manifest =>
  find(manifests, 'StatefulSet', name).spec.template.spec;

describe.skipIf(isHelmSkipped('the Helm chart'))('the chart', () => {
  beforeAll(async () => {
    await helm(['version']);
  }, HELM_BUILD_MS);

  describe('helm lint --strict', () => {
    it('takes it without any values', async () => {
      const { ok, output } = await helm(['lint', '--strict', CHART]);
      expect(output).toContain('0 chart(s) failed');
      expect(ok).toBe(true);
    });

    it.each(VALUES)('takes it with those of ci/%s', async (values) => {
      const file = path.join(CHART, `ci/${values}-values.yaml`);
      const { ok, output } = await helm(['lint', '--strict', CHART, '-f', file]);
      expect(output).not.toMatch(/ERROR|WARNING/);
      expect(ok).toBe(true);
    });
  });

  describe.skipIf(schemas !== null).each(KUBERNETES)('for Kubernetes %s', (version) => {
    let validate: Validate;
    beforeAll(async () => {
      validate = await validator(version);
    }, HELM_BUILD_MS);

    it.each(VALUES)('renders valid objects with the values of ci/%s', async (values) => {
      const rendered = await objects({ values, kubeVersion: version });
      expect(rendered.length).toBeGreaterThan(5);
      expect((await Promise.all(rendered.map(validate))).flat()).toEqual([]);
    });

    it('has a valid example of a sidecar', async () => {
      const all = await manifestsOf(EXAMPLE);
      expect(all.map(({ kind }) => kind)).toEqual(['ServiceAccount', 'Job']);
      expect((await Promise.all(all.map(validate))).flat()).toEqual([]);
    });

    it('would see a key that Kubernetes does not know', async () => {
      const [first] = await objects({ values: 'minimal', kubeVersion: version });
      const wrong = { ...first, spec: { ...first.spec, podSelectors: {} } };
      expect((await validate(wrong)).join()).toContain('podSelectors');
    });

    it('tells the pod to wait before SIGTERM where Kubernetes can', async () => {
      const gate = gateOf(await objects({ values: 'minimal', kubeVersion: version }));
      const canSleep = version !== '1.29.0';
      expect(gate.containers[0].lifecycle).toEqual(
        canSleep ? { preStop: { sleep: { seconds: 5 } } } : undefined,
      );
    });
  });

  it.skipIf(schemas !== null)('takes names that look like numbers for names', async () => {
    const validate = await validator(NEWEST);
    const over = {
      fullnameOverride: '123',
      imagePullSecrets: ['1'],
      tls: { existingSecret: '2' },
      secrets: ['3', '1e3'],
      configMaps: ['4', 'null'],
      existingPolicyConfigMap: '5',
      serviceAccount: { create: true, name: '6' },
      ledger: { storageClassName: '7' },
      service: { loadBalancerClass: '8' },
      vaultAgent: { role: '9' },
      ingress: { className: 'true', host: '10', tlsSecret: '11' },
      priorityClassName: '12',
      networkPolicy: { cassandra: { namespace: '13' } },
    };
    const where = { release: '456', namespace: '789', kubeVersion: NEWEST };
    const rendered = await objects({ values: 'everything', over, ...where });
    expect((await Promise.all(rendered.map(validate))).flat()).toEqual([]);
  });

  describe.skipIf(schemas !== null)('is valid with one switch turned:', () => {
    let validate: Validate;
    beforeAll(async () => {
      validate = await validator(NEWEST);
    }, HELM_BUILD_MS);

    const agent = { enabled: true, role: 'cqlgate', secrets: { a: { path: 'secret/data/a' } } };
    const vault = { address: 'https://vault:8200', auth: { jwt: { role: 'x', tokenFile: '/x' } } };
    it.each([
      ['a name of its own', { fullnameOverride: 'x' }],
      ['a tag', { image: { tag: 'v1' } }],
      ['client certificates', { tls: { clientCa: true } }],
      ['ConfigMaps', { configMaps: ['a', 'b'] }],
      ['a load balancer', { service: { type: 'LoadBalancer', externalTrafficPolicy: 'Local' } }],
      ['a port of nodes', { service: { type: 'NodePort' } }],
      ['the default ServiceAccount', { serviceAccount: { create: false } }],
      ['annotations of the ServiceAccount', { serviceAccount: { annotations: { a: 'b' } } }],
      ['an agent of Vault', { vaultAgent: agent }],
      ['Vault by a token of the pod', { config: { vault } }],
      ['autoscaling', { autoscaling: { enabled: true } }],
      ['no disruption budget', { podDisruptionBudget: { enabled: false } }],
      ['a budget in percent', { podDisruptionBudget: { maxUnavailable: '50%' } }],
      ['no network policy', { networkPolicy: { enabled: false } }],
      ['nobody let in', { networkPolicy: { cqlFrom: [], adminFrom: [], dnsTo: [] } }],
      ['metrics', { metrics: { serviceMonitor: { enabled: true } } }],
      ['alerts', { metrics: { prometheusRule: { enabled: true } } }],
      ['an Ingress', { ingress: { enabled: true, host: 'a.example', tlsSecret: 'x' } }],
      ['OpenTelemetry', { otlpEndpoint: 'https://collector.example' }],
      ['a variable', { env: [{ name: 'OTEL_SERVICE_NAME', value: 'x' }] }],
      ['no spread', { topologySpread: [] }],
      ['a namespace as global value', { global: { anything: { at: 'all' } } }],
    ])('%s', async (_what, over) => {
      const rendered = await objects({ values: 'minimal', over, kubeVersion: NEWEST });
      expect((await Promise.all(rendered.map(validate))).flat()).toEqual([]);
    });
  });

  it.skipIf(schemas !== null)('is held to the Prometheus operator, too', async () => {
    const validate = await validator(NEWEST);
    const rendered = await objects({ values: 'everything', kubeVersion: NEWEST });
    const rule = find(rendered, 'PrometheusRule', 'cql');
    expect(await validate(rule)).toEqual([]);
    rule.spec.groups[0].rules[0].severity = 'critical';
    expect((await validate(rule)).join()).toContain('severity');
  });

  it.each(VALUES)('renders ci/%s as the golden file has it', async (values) => {
    const { output } = await render({ values, kubeVersion: NEWEST });
    await expect(output).toMatchFileSnapshot(`golden/${values}.yaml`);
  });

  it('refuses Kubernetes before 1.29', async () => {
    const { ok, errors } = await render({ values: 'minimal', kubeVersion: '1.28.0' });
    expect([ok, errors]).toEqual([false, expect.stringContaining('kubeVersion')]);
  });

  describe('is locked by default:', () => {
    it.each(VALUES)('no root, no privilege, nothing writable, with ci/%s', async (values) => {
      const pods = podsOf(await objects({ values }));
      // The gate, and the pod of `helm test`.
      expect(pods).toHaveLength(2);
      for (const pod of [...pods, ...podsOf(await manifestsOf(EXAMPLE))]) {
        expect(pod.automountServiceAccountToken).toBe(false);
        expect(pod.securityContext).toMatchObject({
          runAsNonRoot: true,
          runAsUser: 65532,
          seccompProfile: { type: 'RuntimeDefault' },
        });
        for (const container of [...pod.containers, ...(pod.initContainers ?? [])]) {
          expect(container.securityContext).toEqual({
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          });
          expect(container.resources.limits.memory).toBeDefined();
        }
        expect(JSON.stringify(pod)).not.toMatch(/hostPath|hostNetwork|hostPID|privileged"/);
      }
    });

    it('a network policy lets in this namespace, and out to names, Cassandra and https', async () => {
      const { spec } = find(await objects({ values: 'minimal' }), 'NetworkPolicy', 'gate-cqlgate');
      expect(spec.policyTypes).toEqual(['Ingress', 'Egress']);
      const froms = spec.ingress.flatMap(({ from }: Manifest) => from);
      expect(froms.every((one: Manifest) => one.podSelector !== undefined)).toBe(true);
      const ports = spec.egress.flatMap((one: Manifest) => one.ports.map((at: any) => at.port));
      expect(ports).toEqual([53, 53, 9042, 443]);
    });

    it('it has no Secret of its own, and no admin port in the Service of drivers', async () => {
      for (const values of VALUES) {
        const all = await objects({ values });
        expect(all.filter(({ kind }) => ['Secret', 'ClusterRole', 'Role'].includes(kind))).toEqual(
          [],
        );
        const [service] = all.filter(
          ({ kind, metadata }) => kind === 'Service' && !/-(admin|headless)$/.test(metadata.name),
        );
        expect(service.spec.ports.map((one: Manifest) => one.targetPort)).toEqual(['cql']);
      }
    });

    it('the ledger stays, and has one pod', async () => {
      const { spec } = find(await objects({ values: 'minimal' }), 'StatefulSet', 'gate-cqlgate');
      expect(spec.persistentVolumeClaimRetentionPolicy).toEqual({
        whenScaled: 'Retain',
        whenDeleted: 'Retain',
      });
      expect(spec.volumeClaimTemplates[0].spec.accessModes).toEqual(['ReadWriteOncePod']);
    });

    it('it has a token only where Vault is logged in to by one, and for that audience', async () => {
      const agent = { vaultAgent: { enabled: true, role: 'cqlgate' } };
      const kubernetes = { address: 'https://vault', auth: { kubernetes: { role: 'cqlgate' } } };
      const cases = [
        [{}, false, false],
        // The injector mounts it into its own container.
        [agent, true, false],
        [{ config: { vault: kubernetes } }, true, true],
      ] as const;
      for (const [over, isThere, isMounted] of cases) {
        const { volumes, containers } = gateOf(await objects({ values: 'minimal', over }));
        const names = (all: Manifest[]): string[] => all.map((one) => one.name as string);
        expect(names(volumes).includes('token')).toBe(isThere);
        expect(names(containers[0].volumeMounts).includes('token')).toBe(isMounted);
      }
      const { volumes } = gateOf(await objects({ values: 'everything' }), 'cql');
      expect(volumes.find((one: Manifest) => one.name === 'token').projected.sources).toEqual([
        { serviceAccountToken: { path: 'token', expirationSeconds: 600, audience: 'vault' } },
      ]);
    });
  });

  describe('what changes', () => {
    const changed = { bindings: [] };

    it('in the policy restarts nothing', async () => {
      const [before, after] = await Promise.all(
        [{}, { policy: changed }].map(async (over) => objects({ values: 'minimal', over })),
      );
      expect(find(after!, 'ConfigMap', 'gate-cqlgate-policy')).not.toEqual(
        find(before!, 'ConfigMap', 'gate-cqlgate-policy'),
      );
      const rest = (all: Manifest[]): Manifest[] =>
        all.filter(({ metadata }) => metadata.name !== 'gate-cqlgate-policy');
      expect(rest(after!)).toEqual(rest(before!));
    });

    it('in the configuration restarts the pods: it is read at their start', async () => {
      const over = { config: { limits: { sessions: 100 } } };
      const [before, after] = await Promise.all(
        [{}, over].map(async (one) =>
          find(await objects({ values: 'minimal', over: one }), 'StatefulSet', 'gate-cqlgate'),
        ),
      );
      expect(after.spec.template).not.toEqual(before.spec.template);
      expect(after.spec.template.spec).toEqual(before.spec.template.spec);
    });

    it.each(VALUES)(
      'reaches the pod: no file is mounted by subPath, with ci/%s',
      async (values) => {
        for (const { containers } of podsOf(await objects({ values }))) {
          for (const { volumeMounts = [] } of containers) {
            for (const one of volumeMounts) {
              expect(Object.keys(one)).not.toContain('subPath');
              expect([one.mountPath, one.readOnly ?? false]).toEqual([
                one.mountPath,
                one.name !== 'ledger',
              ]);
            }
          }
        }
      },
    );
  });

  describe('a pod that ends', () => {
    const graceOf = async (over: Record<string, unknown>, kubeVersion?: string): Promise<number> =>
      gateOf(
        await objects({
          values: 'minimal',
          over,
          ...(kubeVersion === undefined ? {} : { kubeVersion }),
        }),
      ).terminationGracePeriodSeconds as number;

    it('is given all the time that the gate may take', async () => {
      const ms = (name: keyof typeof LIMITS): number => LIMITS[name].default;
      const drain = ms('drainNoticeMs') + ms('drainTimeoutMs') + ms('schemaTimeoutMs');
      expect(await graceOf({}, NEWEST)).toBe(drain / 1000 + 5 + 15);
      expect(await graceOf({}, '1.29.0')).toBe(drain / 1000 + 15);
    });

    it('follows the limits of the configuration, and rounds up', async () => {
      const limits = { drainTimeoutMs: 10_001, drainNoticeMs: 1, schemaTimeoutMs: 1 };
      const over = { config: { limits }, drain: { preStopSeconds: 0, marginSeconds: 0 } };
      expect(await graceOf(over)).toBe(11);
    });
  });

  describe('the notes of a release', () => {
    it('say where it is, and warn of nothing by default', async () => {
      const said = await notes({ values: 'minimal' });
      expect(said).toContain('is at gate-cqlgate.gates.svc:9042');
      expect(said).toContain('stay when gates are scaled in or the release is uninstalled');
      expect(said).not.toContain('WARNING');
    });

    it.each([
      ['whenScaled is Delete', { ledger: { retention: { whenScaled: 'Delete' } } }],
      ['whenDeleted is Delete', { ledger: { retention: { whenDeleted: 'Delete' } } }],
      ['accessMode is ReadWriteOnce', { ledger: { accessMode: 'ReadWriteOnce' } }],
      ['allowPlaintext', { config: { listen: { allowPlaintext: true } } }],
      ['networkPolicy.enabled is false', { networkPolicy: { enabled: false } }],
    ])('warn where %s', async (warning, over) => {
      const warned = (await notes({ values: 'minimal', over }))
        .split('\n')
        .filter((line) => /^WARN/.test(line));
      expect(warned).toEqual([expect.stringContaining(warning)]);
    });
  });

  it('runs the image as the Dockerfile makes it', async () => {
    const dockerfile = readFileSync(path.join(CHART, '../../Dockerfile'), 'utf8');
    const said = (instruction: string): string =>
      new RegExp(`^${instruction} (.+)$`, 'm').exec(dockerfile)![1]!;
    const all = await objects({ values: 'minimal' });
    const { securityContext, containers } = gateOf(all);
    const [{ ports, volumeMounts, command }] = containers;
    expect(said('USER')).toBe(`${securityContext.runAsUser}:${securityContext.runAsGroup}`);
    expect(said('EXPOSE')).toBe(ports.map((one: Manifest) => one.containerPort).join(' '));
    const mounts = volumeMounts.map((one: Manifest) => one.mountPath);
    expect(dockerfile).toContain('WORKDIR /etc/cqlgate\n');
    expect(mounts).toContain('/etc/cqlgate');
    expect(mounts).toContain((JSON.parse(said('VOLUME')) as string[])[0]);
    // What it runs is the image's own.
    expect(command).toBeUndefined();
    const [node] = JSON.parse(said('ENTRYPOINT')) as string[];
    const test = find(all, 'Pod', 'gate-cqlgate-test').spec.containers[0];
    expect(test.command[0]).toBe(node);
  });

  it('calls commands and options that there are, and so does the example', async () => {
    const program = await commandLine();
    const job = find(await manifestsOf(EXAMPLE), 'Job', 'migrate').spec.template.spec;
    for (const { args } of [
      gateOf(await objects({ values: 'minimal' })).containers[0],
      job.initContainers[0],
    ]) {
      const call = (args as string[]).map((one) => one.replace('=', ' ')).join(' ');
      expect(unknownIn(`cqlgate ${call}`, program)).toBeNull();
    }
  });

  describe('services', () => {
    it.each(VALUES)('find the gates and nothing else, with ci/%s', async (values) => {
      const all = await objects({ values });
      const { spec } = all.find(({ kind }) => kind === 'StatefulSet')!;
      const test = all.find(({ kind }) => kind === 'Pod')!;
      const fits = (selector: object, labels: Record<string, string>): boolean =>
        Object.entries(selector).every(([key, value]) => labels[key] === value);
      const services = all.filter(({ kind }) => kind === 'Service');
      expect(services).toHaveLength(3);
      for (const service of services) {
        expect(fits(service.spec.selector, spec.template.metadata.labels)).toBe(true);
        expect(fits(service.spec.selector, test.metadata.labels)).toBe(false);
      }
      expect(fits(spec.selector.matchLabels, spec.template.metadata.labels)).toBe(true);
      expect(services.map(({ metadata }) => metadata.name)).toContain(spec.serviceName);
      const names = spec.template.spec.containers[0].ports.map((one: Manifest) => one.name);
      for (const { targetPort } of services.flatMap((one) => one.spec.ports)) {
        expect(names).toContain(targetPort);
      }
    });

    it('are what drivers are told, unless another address is given', async () => {
      const configOf = async (over: Record<string, unknown>): Promise<Manifest> =>
        parse(
          find(await objects({ values: 'minimal', over }), 'ConfigMap', 'gate-cqlgate-config').data[
            'cqlgate.yaml'
          ],
        );
      expect((await configOf({ service: { port: 9999 } })).advertise).toEqual({
        host: 'gate-cqlgate.gates.svc',
        port: 9999,
      });
      const advertise = { host: 'cql.example.com', port: 9142 };
      expect((await configOf({ config: { advertise } })).advertise).toEqual(advertise);
    });
  });

  describe('the network policy', () => {
    it('opens the ports that the configuration names, and no other', async () => {
      const all = await objects({ values: 'everything' });
      const { spec } = find(all, 'NetworkPolicy', 'cql');
      const ports = spec.egress.map((one: Manifest) => one.ports.map((at: any) => at.port));
      expect(ports).toEqual([[53, 53], [9142], [443, 8200, 8443], [4318], [8080]]);
    });

    it('of Cassandra leaves its CQL port to the gate, its nodes and who is named', async () => {
      const all = await objects({ values: 'everything' });
      const { spec, metadata } = find(all, 'NetworkPolicy', 'cql-cassandra');
      expect(metadata.namespace).toBe('cassandra');
      const [cql, others] = spec.ingress;
      expect(cql.ports).toEqual([{ protocol: 'TCP', port: 9142 }]);
      expect(cql.from).toHaveLength(3);
      expect(cql.from[0].namespaceSelector.matchLabels).toEqual({
        'kubernetes.io/metadata.name': 'gates',
      });
      expect(others.ports).toEqual([
        { protocol: 'TCP', port: 1, endPort: 9141 },
        { protocol: 'TCP', port: 9143, endPort: 65535 },
      ]);
    });

    it('can be turned off, and says so', async () => {
      const all = await objects({ values: 'plaintext' });
      expect(all.filter(({ kind }) => kind === 'NetworkPolicy')).toEqual([]);
    });
  });

  it('is scaled by its own metrics, and leaves the number of gates to that', async () => {
    const all = await objects({ values: 'everything' });
    expect(find(all, 'StatefulSet', 'cql').spec).not.toHaveProperty('replicas');
    const { metrics } = find(all, 'HorizontalPodAutoscaler', 'cql').spec;
    expect(metrics.map((one: Manifest) => one.resource?.name ?? one.pods.metric.name)).toEqual([
      'cpu',
      'cqlgate_sessions',
    ]);
  });

  describe('values that are wrong are refused:', () => {
    const role = { username: 'x', password: { file: '/x' } };
    it.each([
      ['a key that is not known', { replica: 3 }, /'replica' not allowed/],
      [
        'a key of the configuration that is not known',
        { config: { clusters: {} } },
        /'clusters' not allowed/,
      ],
      [
        'a literal password',
        { config: { cassandraRoles: { ci_orders: { password: 'x' } } } },
        /got string, want object/,
      ],
      ['a port that is the chart’s', { config: { listen: { port: 1 } } }, /'port' not allowed/],
      [
        'siblings behind one address',
        { config: { advertise: { host: 'x', port: 1, peers: ['y:1'] } } },
        /'peers' not allowed/,
      ],
      [
        'a limit that is no number',
        { config: { limits: { drainTimeoutMs: '15m' } } },
        /drainTimeoutMs': got string, want integer/,
      ],
      ['a role without grants', { policy: { roles: { r: { cassandraRole: 'x' } } } }, /'grants'/],
      ['no image', { image: { repository: '' } }, /image\.repository/],
      ['no TLS', { tls: { existingSecret: '' } }, /tls\.existingSecret/],
      ['two ways for TLS', { config: { listen: { tls: { cert: 'c', key: 'k' } } } }, /give one/],
      ['no policy', { policy: null }, /policy: give one/],
      ['half a policy', { policy: { bindings: null } }, /bindings/],
      ['two policies', { existingPolicyConfigMap: 'x' }, /give one/],
      [
        'several logins, none of them the gate’s own',
        { config: { cassandraRoles: { a: role } } },
        /config\.cluster\.gateRole/,
      ],
      [
        'a grace period that can not be told',
        { config: { limits: { drainTimeoutMs: null } } },
        /config\.limits\.drainTimeoutMs/,
      ],
      ['an admin API without TLS', { ingress: { enabled: true, host: 'x' } }, /ingress\.tlsSecret/],
      ['an agent without a role', { vaultAgent: { enabled: true } }, /vaultAgent\.role/],
      ['a Secret twice', { secrets: ['cqlgate-tls'] }, /mounted already/],
      [
        'a policy of Cassandra for several ports',
        {
          config: { cluster: { contactPoints: ['a:1', 'b:2'] } },
          networkPolicy: { cassandra: { podSelector: { matchLabels: { a: 'b' } } } },
        },
        /several ports/,
      ],
    ])('%s', async (_what, over, message) => {
      const { ok, errors } = await render({ values: 'minimal', over });
      expect(ok).toBe(false);
      expect(errors).toMatch(message);
    });

    it('what has no default is asked for, one after the other', async () => {
      const given = {
        image: { repository: 'x' },
        tls: { existingSecret: 'x' },
        policy: { version: 1, roles: {}, bindings: [] },
      };
      const steps = [
        [{}, /config\.cluster\.contactPoints/],
        [{ cluster: { contactPoints: ['x:1'] } }, /config\.cassandraRoles/],
        [{ cassandraRoles: { open: { open: true } } }, /config\.issuers/],
        [{ issuers: [{ name: 'x', type: 'aws', issuer: 'https://x', audience: 'x' }] }, /^$/],
      ] as const;
      let config = {};
      for (const [more, message] of steps) {
        config = { ...config, ...more };
        expect((await render({ values: null, over: { ...given, config } })).errors).toMatch(
          message,
        );
      }
    });
  });
});
