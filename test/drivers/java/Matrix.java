// The scenarios of test/support/driver-matrix.ts with the Java driver: one JSON line for each.
import com.datastax.oss.driver.api.core.*;
import com.datastax.oss.driver.api.core.config.*;
import com.datastax.oss.driver.api.core.cql.*;
import com.datastax.oss.driver.api.core.servererrors.*;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.AtomicBoolean;

public class Matrix {
  interface Scenario {
    void run() throws Exception;
  }

  static String quoted(String text) {
    return '"' + text.replace("\\", "\\\\").replace("\"", "'").replace("\n", " ") + '"';
  }

  static void report(String scenario, boolean ok, String detail) {
    System.out.println("{\"scenario\":\"" + scenario + "\",\"ok\":" + ok + ",\"detail\":" + quoted(detail) + "}");
    System.out.flush();
  }

  static void scenario(String name, Scenario scenario) {
    try {
      scenario.run();
      report(name, true, "");
    } catch (Throwable error) {
      report(name, false, error.toString());
    }
  }

  static void expect(boolean holds, String text) {
    if (!holds) throw new IllegalStateException(text);
  }

  static CqlSession connect(String[] args, String keyspace) {
    ProgrammaticDriverConfigLoaderBuilder config = DriverConfigLoader.programmaticBuilder()
        .withString(DefaultDriverOption.PROTOCOL_VERSION, "V" + args[3])
        .withDuration(DefaultDriverOption.REQUEST_TIMEOUT, Duration.ofSeconds(60))
        .withDuration(DefaultDriverOption.CONNECTION_INIT_QUERY_TIMEOUT, Duration.ofSeconds(20))
        .withDuration(DefaultDriverOption.CONTROL_CONNECTION_TIMEOUT, Duration.ofSeconds(20))
        .withString(DefaultDriverOption.REQUEST_CONSISTENCY, "LOCAL_QUORUM");
    CqlSessionBuilder builder = CqlSession.builder()
        .addContactPoint(new InetSocketAddress(System.getenv("GATE_HOST"), Integer.parseInt(args[0])))
        .withLocalDatacenter("datacenter1")
        .withAuthCredentials(args[1], args[2])
        .withConfigLoader(config.build());
    if (keyspace != null) builder.withKeyspace(keyspace);
    return builder.build();
  }

  public static void main(String[] args) throws Exception {
    String ks = args[4];
    final CqlSession session;
    try {
      session = connect(args, null);
    } catch (Throwable error) {
      report("connect", false, error.toString());
      return;
    }
    report("connect", true, "");
    scenario("schema", () -> {
      session.execute("CREATE KEYSPACE " + ks + " WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 3}");
      session.execute("CREATE TABLE " + ks + ".items (k int, c int, v text, PRIMARY KEY (k, c))");
      session.execute("CREATE TABLE " + ks + ".blobs (k int PRIMARY KEY, b blob)");
      session.execute("ALTER TABLE " + ks + ".items ADD note text");
      expect(session.checkSchemaAgreement(), "no schema agreement");
      expect(session.refreshSchema().getKeyspace(ks).get().getTables().size() == 2, "tables in the metadata");
    });
    scenario("write_read", () -> {
      session.execute("INSERT INTO " + ks + ".items (k, c, v) VALUES (?, ?, ?)", 1, 1, "grüße");
      Row row = session.execute("SELECT v FROM " + ks + ".items WHERE k = ? AND c = ?", 1, 1).one();
      expect("grüße".equals(row.getString("v")), "read " + row.getString("v"));
    });
    PreparedStatement insert = session.prepare("INSERT INTO " + ks + ".items (k, c, v) VALUES (?, ?, ?)");
    scenario("parallel", () -> {
      List<CompletionStage<AsyncResultSet>> all = new ArrayList<>();
      for (int w = 0; w < 8; w++)
        for (int i = 0; i < 50; i++) all.add(session.executeAsync(insert.bind(100 + w, i, "x")));
      for (CompletionStage<AsyncResultSet> one : all) one.toCompletableFuture().get(60, TimeUnit.SECONDS);
    });
    scenario("batch", () -> {
      BatchStatementBuilder batch = BatchStatement.builder(BatchType.LOGGED);
      for (int i = 0; i < 20; i++) batch.addStatement(insert.bind(2, i, "batch"));
      session.execute(batch.build());
      long count = session.execute("SELECT count(*) FROM " + ks + ".items WHERE k = 2").one().getLong(0);
      expect(count == 20, count + " rows");
    });
    scenario("paging", () -> {
      int rows = 0;
      for (Row row : session.execute(SimpleStatement.newInstance("SELECT c FROM " + ks + ".items WHERE k IN (100, 101, 102, 103)").setPageSize(7))) rows++;
      expect(rows == 200, rows + " rows");
    });
    scenario("lwt", () -> {
      for (boolean applied : new boolean[] {true, false}) {
        ResultSet set = session.execute("INSERT INTO " + ks + ".items (k, c, v) VALUES (3, 3, 'x') IF NOT EXISTS");
        expect(set.wasApplied() == applied, "applied " + set.wasApplied());
      }
    });
    scenario("use_keyspace", () -> {
      try (CqlSession inside = connect(args, ks)) {
        inside.execute("SELECT count(*) FROM items WHERE k = 2").one();
      }
    });
    scenario("large_row", () -> {
      byte[] sent = "0123456789abcdef".repeat(65536).getBytes();
      session.execute("INSERT INTO " + ks + ".blobs (k, b) VALUES (?, ?)", 1, ByteBuffer.wrap(sent));
      ByteBuffer got = session.execute("SELECT b FROM " + ks + ".blobs WHERE k = 1").one().getByteBuffer("b");
      expect(ByteBuffer.wrap(sent).equals(got), got.remaining() + " bytes came back");
    });
    scenario("denied", () -> refused(session, "SELECT * FROM forbidden.t", UnauthorizedException.class));
    scenario("syntax", () -> refused(session, "SELEC * FROM " + ks + ".items", SyntaxError.class));
    scenario("invalid", () -> refused(session, "SELECT nothing FROM " + ks + ".items", InvalidQueryException.class));

    AtomicBoolean stopped = new AtomicBoolean();
    Thread stdin = new Thread(() -> {
      try {
        while (System.in.read() >= 0) {}
      } catch (Exception ignored) {
      }
      stopped.set(true);
    });
    stdin.setDaemon(true);
    stdin.start();
    report("surviving", true, "");
    PreparedStatement select = session.prepare("SELECT c FROM " + ks + ".items WHERE k = ? LIMIT 1");
    int reads = 0, writes = 0;
    String failure = null;
    Map<String, Integer> lost = new TreeMap<>();
    for (int i = 0; !stopped.get(); i++) {
      try {
        session.execute(select.bind(100 + i % 4).setIdempotent(true)).one();
        reads++;
      } catch (Exception error) {
        failure = error.toString();
      }
      try {
        session.execute(insert.bind(200, i % 100, "x"));
        writes++;
      } catch (Exception error) {
        lost.merge(error.getClass().getSimpleName(), 1, Integer::sum);
      }
      Thread.sleep(20);
    }
    report("survive", failure == null, failure == null ? "reads " + reads + " writes " + writes + " lost " + lost : failure);
    session.close();
  }

  static void refused(CqlSession session, String text, Class<? extends Exception> expected) {
    try {
      session.execute(text);
    } catch (Exception error) {
      expect(expected.isInstance(error), error.toString());
      return;
    }
    throw new IllegalStateException("it was not refused");
  }
}
