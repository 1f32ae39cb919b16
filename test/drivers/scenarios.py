"""What a job does with the Python driver, one function a scenario; prints JSON.

Called as: scenarios.py SCENARIO
  '{"port":..,"username":..,"password":..,"version":4|5,"compression":""|"lz4"}'.
Keyspace `python_v4`, `python_v5lz4` and so on is there, with its tables made by `schema`.
"""

import json
import ssl
import sys
import time

from cassandra import ConsistencyLevel, Unauthorized
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster, ExecutionProfile, EXEC_PROFILE_DEFAULT
from cassandra.concurrent import execute_concurrent_with_args
from cassandra.policies import WhiteListRoundRobinPolicy
from cassandra.query import BatchStatement, SimpleStatement


def tls_of(target):
    """An SSL context that trusts the CA of the target, and checks its name; None for plaintext."""
    if "ca" not in target:
        return {}
    context = ssl.create_default_context(cafile=target["ca"])
    return {"ssl_context": context, "ssl_options": {"server_hostname": "localhost"}}


def connect(target, keyspace=None):
    profile = ExecutionProfile(
        load_balancing_policy=WhiteListRoundRobinPolicy(["127.0.0.1"]), request_timeout=60
    )
    cluster = Cluster(
        ["127.0.0.1"],
        port=target["port"],
        protocol_version=target["version"],
        compression=target["compression"] or False,
        auth_provider=PlainTextAuthProvider(target["username"], target["password"]),
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        connect_timeout=20,
        control_connection_timeout=20,
        **tls_of(target),
    )
    return cluster, cluster.connect(keyspace)


def keyspace_of(target):
    return "python_v%d%s" % (target["version"], target["compression"])


def negotiate(target):
    """Lets the driver choose the version, from the newest it knows down."""
    cluster = Cluster(
        ["127.0.0.1"],
        port=target["port"],
        auth_provider=PlainTextAuthProvider(target["username"], target["password"]),
        **tls_of(target),
    )
    session = cluster.connect()
    row = session.execute("SELECT release_version FROM system.local").one()
    result = {"version": cluster.protocol_version, "release": row.release_version}
    cluster.shutdown()
    return result


def schema(target):
    cluster, session = connect(target)
    ks = keyspace_of(target)
    session.execute(
        "CREATE KEYSPACE %s WITH replication = "
        "{'class': 'SimpleStrategy', 'replication_factor': 1}" % ks
    )
    created = session.execute(
        "CREATE TABLE %s.items (k int, c int, v text, b blob, PRIMARY KEY (k, c))" % ks
    )
    agreed = created.response_future.is_schema_agreed
    tables = sorted(cluster.metadata.keyspaces[ks].tables)
    hosts = [str(host.endpoint) for host in cluster.metadata.all_hosts()]
    compressed = cluster.get_control_connection_host() is not None and all(
        pool._connection.compressor is not None for pool in session.get_pools()
    )
    cluster.shutdown()
    return {"agreed": agreed, "tables": tables, "hosts": hosts, "compressed": compressed}


def work(target):
    ks = keyspace_of(target)
    cluster, session = connect(target, ks)
    insert = session.prepare("INSERT INTO items (k, c, v) VALUES (?, ?, ?)")
    results = execute_concurrent_with_args(
        session, insert, [(7, c, "row %d" % c) for c in range(10000)], concurrency=500
    )
    inserted = sum(1 for success, _ in results if success)
    statement = SimpleStatement("SELECT c FROM items WHERE k = 7", fetch_size=500)
    paged = [row.c for row in session.execute(statement)]

    batch = BatchStatement(consistency_level=ConsistencyLevel.ONE)
    for c in range(3):
        batch.add(insert, (8, c, "batch"))
    batch.add("INSERT INTO items (k, c, v) VALUES (8, 3, 'text')")
    session.execute(batch)
    batched = len(list(session.execute("SELECT * FROM items WHERE k = 8")))

    blob = b"\x07" * (9 * 1024 * 1024)
    session.execute(session.prepare("INSERT INTO items (k, c, b) VALUES (9, 9, ?)"), [blob])
    back = session.execute("SELECT b FROM items WHERE k = 9 AND c = 9").one().b

    first = session.execute("INSERT INTO items (k, c) VALUES (3, 3) IF NOT EXISTS").was_applied
    second = session.execute("INSERT INTO items (k, c) VALUES (3, 3) IF NOT EXISTS").was_applied

    traced = session.execute("SELECT * FROM items WHERE k = 3", trace=True)
    trace = traced.get_query_trace(max_wait_sec=10)

    denial = None
    try:
        session.execute("SELECT * FROM billing.invoices")
    except Unauthorized as error:
        denial = str(error)
    session.execute("USE system")
    in_system = session.execute("SELECT key FROM local").one().key
    cluster.shutdown()
    return {
        "inserted": inserted,
        "paged": len(paged),
        "in_order": paged == sorted(paged),
        "batched": batched,
        "blob": back == blob,
        "lwt": [first, second],
        "trace": len(trace.events) > 0,
        "denial": denial,
        "in_system": in_system,
    }


def alter_between(target):
    """ALTER TABLE between two EXECUTEs of one prepared SELECT *, by another session."""
    ks = keyspace_of(target)
    one_cluster, one = connect(target, ks)
    other_cluster, other = connect(target, ks)
    one.execute("CREATE TABLE IF NOT EXISTS wide (k int PRIMARY KEY, a text, z text)")
    one.execute("INSERT INTO wide (k, a, z) VALUES (1, 'a', 'z')")
    select = one.prepare("SELECT * FROM wide WHERE k = ?")
    seen = []
    for step, column in enumerate(["b", "m", "y"]):
        seen.append(dict(one.execute(select, [1]).one()._asdict()))
        other.execute("ALTER TABLE wide ADD %s text" % column)
        other.execute("UPDATE wide SET %s = '%s' WHERE k = 1" % (column, column))
        # Somebody else prepares it anew, so that the node knows the statement again.
        again = other.prepare("SELECT * FROM wide WHERE k = ?")
        other.execute(again, [1])
        seen.append(dict(one.execute(select, [1]).one()._asdict()))
    one_cluster.shutdown()
    other_cluster.shutdown()
    return {"seen": seen}


def steady(target):
    """Works for a while, and counts what failed; the test restarts the gate meanwhile."""
    ks = keyspace_of(target)
    cluster, session = connect(target, ks)
    select = session.prepare("SELECT v FROM items WHERE k = ? AND c = ?")
    good_after_bad = good = bad = 0
    deadline = time.time() + 60
    while time.time() < deadline:
        try:
            session.execute(select, (8, 1), timeout=5)
            good += 1
            if bad:
                good_after_bad += 1
                if good_after_bad > 20:
                    break
        except Exception:
            bad += 1
            time.sleep(0.2)
    cluster.shutdown()
    return {"good": good, "bad": bad, "recovered": good_after_bad > 20}


def large_reads(target):
    """Asks for 64 rows of 2 MiB at once, by a connection that can't carry them at once."""
    cluster, session = connect(target)
    query = "SELECT v FROM slow_reader.t WHERE k = 1"
    futures = [session.execute_async(query, timeout=100) for _ in range(64)]
    sizes = [len(future.result().one().v) for future in futures]
    cluster.shutdown()
    return {"answers": len(sizes), "bytes": sum(sizes)}


SCENARIOS = {f.__name__: f for f in (negotiate, schema, work, alter_between, steady, large_reads)}

if __name__ == "__main__":
    print(json.dumps(SCENARIOS[sys.argv[1]](json.loads(sys.argv[2]))))
