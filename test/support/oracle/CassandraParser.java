// What Cassandra's own parser makes of CQL texts, for the differential test. One base64 text per line
// in; one line of JSON out: the statement's class and every name that its AST holds, or the class of
// the exception. No schema and no node: the parser alone.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Base64;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.apache.cassandra.auth.DataResource;
import org.apache.cassandra.auth.FunctionResource;
import org.apache.cassandra.auth.RoleResource;
import org.apache.cassandra.config.DatabaseDescriptor;
import org.apache.cassandra.cql3.CQLStatement;
import org.apache.cassandra.cql3.QualifiedName;
import org.apache.cassandra.cql3.QueryProcessor;
import org.apache.cassandra.cql3.RoleName;
import org.apache.cassandra.cql3.UTName;
import org.apache.cassandra.cql3.functions.FunctionName;
import org.apache.cassandra.db.marshal.UserType;

public final class CassandraParser {
    public static void main(String[] arguments) throws Exception {
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        // Logging writes to standard output unless it is told otherwise.
        System.setOut(System.err);
        DatabaseDescriptor.clientInitialization(false);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        for (String line; (line = in.readLine()) != null; ) {
            String text = new String(Base64.getDecoder().decode(line), StandardCharsets.UTF_8);
            out.println(answer(text));
            // Whoever waits for the answers to what he wrote gets them.
            if (!in.ready()) out.flush();
        }
        out.flush();
    }

    private static String answer(String text) {
        try {
            CQLStatement.Raw statement = QueryProcessor.parseStatement(text);
            if (statement == null) return "{\"error\":\"null\"}";
            Walk walk = new Walk();
            walk.walk(statement);
            return "{\"kind\":" + quote(statement.getClass().getName().replaceAll(".*\\.", ""))
                + ",\"tables\":" + array(walk.tables) + ",\"functions\":" + array(walk.functions)
                + ",\"types\":" + array(walk.types) + ",\"roles\":" + array(walk.roles)
                + ",\"keyspaces\":" + array(walk.keyspaces) + "}";
        } catch (Throwable error) {
            return "{\"error\":" + quote(error.getClass().getSimpleName()) + ",\"message\":"
                + quote(String.valueOf(error.getMessage())) + "}";
        }
    }

    /** Collects the names in an AST, by reflection: new nodes are found without being known here. */
    private static final class Walk {
        final Set<String> tables = new TreeSet<>();
        final Set<String> functions = new TreeSet<>();
        final Set<String> types = new TreeSet<>();
        final Set<String> roles = new TreeSet<>();
        final Set<String> keyspaces = new TreeSet<>();
        private final Set<Object> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        private final ArrayDeque<Object> queue = new ArrayDeque<>();

        void walk(Object root) throws IllegalAccessException {
            push(root);
            while (!queue.isEmpty()) visit(queue.pop());
        }

        private void push(Object value) {
            if (value != null && seen.add(value)) queue.push(value);
        }

        private void visit(Object value) throws IllegalAccessException {
            if (value instanceof QualifiedName) {
                QualifiedName name = (QualifiedName) value;
                if (name.getName() != null) tables.add(pair(name.hasKeyspace() ? name.getKeyspace() : null, name.getName()));
            } else if (value instanceof FunctionName) {
                FunctionName name = (FunctionName) value;
                functions.add(pair(name.keyspace, name.name));
            } else if (value instanceof UTName) {
                UTName name = (UTName) value;
                types.add(pair(name.getKeyspace(), name.getStringTypeName()));
            } else if (value instanceof UserType) {
                UserType type = (UserType) value;
                types.add(pair(type.keyspace, type.getNameAsString()));
            } else if (value instanceof DataResource) {
                DataResource resource = (DataResource) value;
                if (resource.isTableLevel()) {
                    String keyspace = resource.getKeyspace();
                    tables.add(pair(keyspace == null || keyspace.isEmpty() ? null : keyspace, resource.getTable()));
                } else if (!resource.isRootLevel()) keyspaces.add(quote(resource.getKeyspace()));
            } else if (value instanceof FunctionResource) {
                FunctionResource resource = (FunctionResource) value;
                if (resource.getName().split("/").length > 2) functions.add(pair(resource.getKeyspace(), resource.getFunctionName().name));
            } else if (value instanceof RoleResource) {
                if (((RoleResource) value).hasParent()) roles.add(quote(((RoleResource) value).getRoleName()));
            } else if (value instanceof RoleName) {
                if (((RoleName) value).hasName()) roles.add(quote(((RoleName) value).getName()));
            } else if (value instanceof Map) {
                for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
                    push(entry.getKey());
                    push(entry.getValue());
                }
            } else if (value instanceof Iterable) {
                for (Object one : (Iterable<?>) value) push(one);
            } else if (value.getClass().isArray()) {
                if (!value.getClass().getComponentType().isPrimitive()) {
                    for (int i = 0; i < Array.getLength(value); i++) push(Array.get(value, i));
                }
            } else if (value.getClass().getName().startsWith("org.apache.cassandra.") && !(value instanceof Enum)) {
                fields(value);
            }
        }

        private void fields(Object value) throws IllegalAccessException {
            String owner = value.getClass().getName().replaceAll(".*\\.", "");
            for (Class<?> type = value.getClass(); type != null && type != Object.class; type = type.getSuperclass()) {
                for (Field field : type.getDeclaredFields()) {
                    if (Modifier.isStatic(field.getModifiers()) || field.getType().isPrimitive()) continue;
                    field.setAccessible(true);
                    Object content = field.get(value);
                    if (content instanceof String) string(owner, field.getName(), (String) content);
                    else if (!isIndexName(owner, field.getName())) push(content);
                }
            }
        }

        /** Indexes are named, but nothing hangs on them: their table is what is asked for. */
        private static boolean isIndexName(String owner, String field) {
            return owner.equals("CustomIndexExpression") || (owner.equals("CreateIndexStatement$Raw") && field.equals("indexName"));
        }

        /** Names that the AST keeps as plain strings. */
        private void string(String owner, String field, String content) {
            if (field.equals("keyspaceName") || owner.equals("UseStatement")) keyspaces.add(quote(content));
            if (field.equals("stateFunctionName") || field.equals("finalFunctionName")) functions.add(pair(null, content));
            if (owner.equals("AddIdentityStatement") && field.equals("role")) roles.add(quote(content));
        }
    }

    private static String pair(String keyspace, String name) {
        return "[" + (keyspace == null ? "null" : quote(keyspace)) + "," + quote(name) + "]";
    }

    private static String array(Set<String> items) {
        return "[" + String.join(",", items) + "]";
    }

    private static String quote(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') out.append('\\').append(c);
            else if (c < ' ' || c > '~') out.append(String.format("\\u%04x", (int) c));
            else out.append(c);
        }
        return out.append('"').toString();
    }
}
