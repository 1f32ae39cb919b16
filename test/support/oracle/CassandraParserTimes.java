// How long Cassandra's own parser takes for CQL texts, once the virtual machine has compiled it. One
// base64 text per line in; one line out: the median in microseconds, and the class of the exception
// or "-". It is the thread's own CPU time, so that other work on the machine does not count. A text
// without an end is the caller's to cut: it ends this process.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import org.apache.cassandra.config.DatabaseDescriptor;
import org.apache.cassandra.cql3.QueryProcessor;

public final class CassandraParserTimes {
    /** Of a request thread of Cassandra: its jvm-server.options set -Xss256k. */
    private static final long STACK_BYTES = 256 * 1024;
    private static final long ENOUGH_NS = 200_000_000L;
    private static final int MOST_RUNS = 9;
    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

    public static void main(String[] arguments) throws Exception {
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        // Logging writes to standard output unless it is told otherwise.
        System.setOut(System.err);
        DatabaseDescriptor.clientInitialization(false);
        Thread parser = new Thread(null, () -> serve(out), "parser", STACK_BYTES);
        parser.start();
        parser.join();
    }

    private static void serve(PrintStream out) {
        try {
            BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
            for (String line; (line = in.readLine()) != null; ) {
                out.println(measure(new String(Base64.getDecoder().decode(line), StandardCharsets.UTF_8)));
                out.flush();
            }
        } catch (java.io.IOException error) {
            throw new java.io.UncheckedIOException(error);
        }
    }

    private static String measure(String text) {
        long[] times = new long[MOST_RUNS];
        String error = "-";
        int runs = 0;
        for (long sum = 0; runs < MOST_RUNS && (runs < 1 || sum < ENOUGH_NS); runs++) {
            long start = THREADS.getCurrentThreadCpuTime();
            error = parse(text);
            times[runs] = THREADS.getCurrentThreadCpuTime() - start;
            sum += times[runs];
        }
        Arrays.sort(times, 0, runs);
        return times[runs / 2] / 1000 + " " + error;
    }

    private static String parse(String text) {
        try {
            QueryProcessor.parseStatement(text);
            return "-";
        } catch (Throwable error) {
            return error.getClass().getSimpleName();
        }
    }
}
