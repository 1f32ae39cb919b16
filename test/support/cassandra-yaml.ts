// The configuration of a real node for tests: logins and grants as in production, small everything else.
import type { Place } from './cassandra.ts';

export interface NodeSettings {
  readonly dir: string;
  readonly host: string;
  readonly port: number;
  readonly place: Place;
  /** Lines added at the end. */
  readonly more: string;
}

export function cassandraYaml({ dir, host, port, place, more }: NodeSettings): string {
  const seed = place.seed ?? host;
  return `cluster_name: cqlgate-test
num_tokens: 4
allocate_tokens_for_local_replication_factor: ${place.replicas}
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
commitlog_sync: periodic
commitlog_sync_period: 10000ms
data_file_directories: ["${dir}/data/data"]
commitlog_directory: ${dir}/data/commitlog
saved_caches_directory: ${dir}/data/saved_caches
hints_directory: ${dir}/data/hints
cdc_raw_directory: ${dir}/data/cdc
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters: [{seeds: "${seed}:${place.clusterPort}"}]
listen_address: ${host}
rpc_address: ${host}
native_transport_port: ${port}
storage_port: ${place.clusterPort}
# Names a datacenter, which for one alone is the one that SimpleSnitch has.
endpoint_snitch: GossipingPropertyFileSnitch
authenticator: PasswordAuthenticator
authorizer: CassandraAuthorizer
role_manager: CassandraRoleManager
permissions_validity: 500ms
roles_validity: 500ms
credentials_validity: 500ms
concurrent_reads: 8
concurrent_writes: 8
memtable_heap_space: 128MiB
commitlog_total_space: 512MiB
commitlog_segment_size: 32MiB
auto_snapshot: false
materialized_views_enabled: true
user_defined_functions_enabled: true
dynamic_data_masking_enabled: true
${more}
`;
}

export const LOGBACK = `<configuration>
  <appender name="FILE" class="ch.qos.logback.core.FileAppender">
    <file>@DIR@/system.log</file>
    <encoder><pattern>%-5level %date %F:%L - %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="FILE"/></root>
</configuration>
`;
