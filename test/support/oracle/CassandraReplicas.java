// Cassandra's own replication strategies over rings that come in, one in a line:
//
//   strategy|option=value,...|datacenter rack token token ...;datacenter rack token ...|token token ...
//
// and for each of the last tokens the nodes of its replicas, by their place in the line, in order:
//
//   0,2,1;1,0,2
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;
import org.apache.cassandra.config.DatabaseDescriptor;
import org.apache.cassandra.dht.Murmur3Partitioner;
import org.apache.cassandra.dht.Token;
import org.apache.cassandra.locator.AbstractNetworkTopologySnitch;
import org.apache.cassandra.locator.AbstractReplicationStrategy;
import org.apache.cassandra.locator.IEndpointSnitch;
import org.apache.cassandra.locator.InetAddressAndPort;
import org.apache.cassandra.locator.NetworkTopologyStrategy;
import org.apache.cassandra.locator.SimpleStrategy;
import org.apache.cassandra.locator.TokenMetadata;

public class CassandraReplicas {
  public static void main(String[] args) throws Exception {
    DatabaseDescriptor.clientInitialization();
    DatabaseDescriptor.setPartitionerUnsafe(Murmur3Partitioner.instance);
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    for (String line = in.readLine(); line != null; line = in.readLine()) System.out.println(answer(line.split("\\|")));
  }

  static String answer(String[] fields) throws Exception {
    String[] nodes = fields[2].split(";");
    Map<InetAddressAndPort, String[]> places = new HashMap<>();
    List<InetAddressAndPort> addresses = new ArrayList<>();
    for (int i = 0; i < nodes.length; i++) {
      InetAddressAndPort address = InetAddressAndPort.getByName("10.0." + (i / 200) + "." + (1 + i % 200));
      addresses.add(address);
      places.put(address, nodes[i].split(" "));
    }
    IEndpointSnitch snitch = new AbstractNetworkTopologySnitch() {
      @Override
      public String getRack(InetAddressAndPort endpoint) {
        return places.get(endpoint)[1];
      }

      @Override
      public String getDatacenter(InetAddressAndPort endpoint) {
        return places.get(endpoint)[0];
      }
    };
    TokenMetadata metadata = new TokenMetadata(snitch);
    for (InetAddressAndPort address : addresses) {
      String[] place = places.get(address);
      List<Token> tokens = new ArrayList<>();
      for (int i = 2; i < place.length; i++) tokens.add(token(place[i]));
      metadata.updateHostId(UUID.randomUUID(), address);
      metadata.updateNormalTokens(tokens, address);
    }
    Map<String, String> options = new HashMap<>();
    for (String option : fields[1].split(",")) options.put(option.split("=")[0], option.split("=")[1]);
    AbstractReplicationStrategy strategy = fields[0].equals("SimpleStrategy")
        ? new SimpleStrategy("ks", metadata, snitch, options)
        : new NetworkTopologyStrategy("ks", metadata, snitch, options);
    List<String> answers = new ArrayList<>();
    for (String token : fields[3].split(" ")) {
      answers.add(strategy.calculateNaturalReplicas(token(token), metadata).stream()
          .map(replica -> String.valueOf(addresses.indexOf(replica.endpoint())))
          .collect(Collectors.joining(",")));
    }
    return String.join(";", answers);
  }

  static Token token(String text) {
    return new Murmur3Partitioner.LongToken(Long.parseLong(text));
  }
}
