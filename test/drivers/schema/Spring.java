// Spring Data makes the types, tables and indexes of its entities, writes a row and prints what it read.
// PORT USERNAME PASSWORD KEYSPACE
import com.datastax.oss.driver.api.core.config.DefaultDriverOption;
import java.time.Duration;
import java.util.Set;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.data.cassandra.config.AbstractCassandraConfiguration;
import org.springframework.data.cassandra.config.DriverConfigLoaderBuilderConfigurer;
import org.springframework.data.cassandra.config.SchemaAction;
import org.springframework.data.cassandra.config.SessionBuilderConfigurer;
import org.springframework.data.cassandra.core.CassandraOperations;
import org.springframework.data.cassandra.core.mapping.Indexed;
import org.springframework.data.cassandra.core.mapping.PrimaryKey;
import org.springframework.data.cassandra.core.mapping.Table;
import org.springframework.data.cassandra.core.mapping.UserDefinedType;

public class Spring {
  static String[] given;

  @UserDefinedType("address")
  public record Address(String street, int zip) {}

  @Table("item")
  public record Item(@PrimaryKey int id, @Indexed String name, Address address, Set<String> tags) {}

  @Configuration
  public static class Settings extends AbstractCassandraConfiguration {
    @Override protected String getKeyspaceName() { return given[3]; }
    @Override protected String getContactPoints() { return "127.0.0.1"; }
    @Override protected int getPort() { return Integer.parseInt(given[0]); }
    @Override protected String getLocalDataCenter() { return "datacenter1"; }
    @Override public SchemaAction getSchemaAction() { return SchemaAction.CREATE_IF_NOT_EXISTS; }
    @Override protected Set<Class<?>> getInitialEntitySet() { return Set.of(Item.class, Address.class); }

    @Override protected SessionBuilderConfigurer getSessionBuilderConfigurer() {
      return builder -> builder.withAuthCredentials(given[1], given[2]);
    }

    @Override protected DriverConfigLoaderBuilderConfigurer getDriverConfigLoaderBuilderConfigurer() {
      return builder -> builder.withDuration(DefaultDriverOption.REQUEST_TIMEOUT, Duration.ofSeconds(65));
    }
  }

  public static void main(String[] args) {
    given = args;
    try (var context = new AnnotationConfigApplicationContext(Settings.class)) {
      var cassandra = context.getBean(CassandraOperations.class);
      cassandra.insert(new Item(1, "from Spring Data", new Address("Main", 1), Set.of("a")));
      System.out.println(cassandra.selectOneById(1, Item.class).name());
    }
  }
}
