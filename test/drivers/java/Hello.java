// Written for a Cassandra without authentication; run as `Hello NAME TEXT`, it writes TEXT and prints what it read.
import com.datastax.oss.driver.api.core.CqlSession;
import java.net.InetSocketAddress;

public class Hello {
  public static void main(String[] args) {
    var env = System.getenv();
    try (var session = CqlSession.builder()
        .addContactPoint(new InetSocketAddress(env.get("CASSANDRA_HOST"), Integer.parseInt(env.get("CASSANDRA_PORT"))))
        .withLocalDatacenter("datacenter1")
        .build()) {
      session.execute("INSERT INTO hello.greetings (name, text) VALUES (?, ?)", args[0], args[1]);
      System.out.println(session.execute("SELECT text FROM hello.greetings WHERE name = ?", args[0]).one().getString("text"));
    }
  }
}
