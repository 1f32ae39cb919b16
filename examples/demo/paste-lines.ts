// Lines to paste into a shell or a program, for each client; the token is read from a file that the
// demo keeps fresh, so that it is in no command line and no history.
import { KEYSPACE } from './stage.ts';

export interface Target {
  readonly port: number;
  readonly tokenFile: string;
  /** Role and token as cqlsh reads them. */
  readonly credentialsFile: string;
  readonly datacenter: string;
}

const ROLE = 'orders-reader';
const QUERY = `SELECT name FROM ${KEYSPACE}.items LIMIT 3`;

export function pasteLines({ port, tokenFile, credentialsFile, datacenter }: Target): string {
  const sections: readonly (readonly [string, string])[] = [
    [
      'cqlsh (pip install cqlsh)',
      `cqlsh 127.0.0.1 ${port} --credentials ${credentialsFile} -k ${KEYSPACE}`,
    ],
    [
      'Node (here, or after npm install cassandra-driver)',
      `node -e 'const { Client, auth } = require("cassandra-driver"); const client = new Client({ contactPoints: ["127.0.0.1:${port}"], localDataCenter: "${datacenter}", authProvider: new auth.PlainTextAuthProvider("${ROLE}", require("fs").readFileSync("${tokenFile}", "utf8")) }); client.execute("${QUERY}").then((found) => console.log(found.rows)).finally(() => client.shutdown())'`,
    ],
    [
      'Python (pip install cassandra-driver)',
      `python3 -c 'from cassandra.cluster import Cluster; from cassandra.auth import PlainTextAuthProvider; cluster = Cluster(["127.0.0.1"], port=${port}, auth_provider=PlainTextAuthProvider("${ROLE}", open("${tokenFile}").read())); print(list(cluster.connect().execute("${QUERY}"))); cluster.shutdown()'`,
    ],
    [
      'Java (org.apache.cassandra:java-driver-core:4.19.0)',
      `try (var session = com.datastax.oss.driver.api.core.CqlSession.builder().addContactPoint(new java.net.InetSocketAddress("127.0.0.1", ${port})).withLocalDatacenter("${datacenter}").withAuthCredentials("${ROLE}", java.nio.file.Files.readString(java.nio.file.Path.of("${tokenFile}"))).build()) { System.out.println(session.execute("${QUERY}").all()); }`,
    ],
    [
      'Go (github.com/apache/cassandra-gocql-driver/v2)',
      `token, _ := os.ReadFile("${tokenFile}"); cluster := gocql.NewCluster("127.0.0.1"); cluster.Port = ${port}; cluster.Authenticator = gocql.PasswordAuthenticator{Username: "${ROLE}", Password: string(token)}; session, err := cluster.CreateSession()`,
    ],
  ];
  return sections.map(([name, line]) => `\n${name}:\n    ${line}`).join('\n');
}
