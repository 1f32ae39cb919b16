"""The scenarios of test/support/driver-matrix.ts with the Python driver: one JSON line for each.

Called as: matrix.py PORT USERNAME PASSWORD VERSION KEYSPACE
"""

import json
import os
import sys
import threading
import time

from cassandra import ConsistencyLevel, InvalidRequest, Unauthorized
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster, ExecutionProfile, EXEC_PROFILE_DEFAULT
from cassandra.concurrent import execute_concurrent_with_args
from cassandra.protocol import SyntaxException
from cassandra.query import BatchStatement, SimpleStatement

PORT, USERNAME, PASSWORD, VERSION, KS = sys.argv[1:6]


def report(scenario, ok, detail=""):
    print(json.dumps({"scenario": scenario, "ok": ok, "detail": str(detail)}), flush=True)


def scenario(function):
    try:
        function()
        report(function.__name__, True)
    except Exception as error:
        report(function.__name__, False, repr(error))


def new_session(keyspace=None):
    profile = ExecutionProfile(
        request_timeout=60, consistency_level=ConsistencyLevel.LOCAL_QUORUM
    )
    cluster = Cluster(
        [os.environ["GATE_HOST"]],
        port=int(PORT),
        protocol_version=int(VERSION),
        auth_provider=PlainTextAuthProvider(USERNAME, PASSWORD),
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        connect_timeout=20,
        idle_heartbeat_timeout=60,
    )
    return cluster, cluster.connect(keyspace)


def refused(text, expected):
    try:
        session.execute(text)
    except expected:
        return
    raise AssertionError("it was not refused")


try:
    cluster, session = new_session()
    report("connect", cluster.protocol_version == int(VERSION))
except Exception as error:
    report("connect", False, repr(error))
    sys.exit(0)


@scenario
def schema():
    session.execute(
        "CREATE KEYSPACE %s WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 3}" % KS
    )
    session.execute("CREATE TABLE %s.items (k int, c int, v text, PRIMARY KEY (k, c))" % KS)
    session.execute("CREATE TABLE %s.blobs (k int PRIMARY KEY, b blob)" % KS)
    session.execute("ALTER TABLE %s.items ADD note text" % KS)
    cluster.refresh_schema_metadata()
    assert sorted(cluster.metadata.keyspaces[KS].tables) == ["blobs", "items"]


@scenario
def write_read():
    session.execute("INSERT INTO %s.items (k, c, v) VALUES (%%s, %%s, %%s)" % KS, (1, 1, "grüße"))
    row = session.execute("SELECT v FROM %s.items WHERE k = 1 AND c = 1" % KS).one()
    assert row.v == "grüße", row


insert = session.prepare("INSERT INTO %s.items (k, c, v) VALUES (?, ?, ?)" % KS)


@scenario
def parallel():
    rows = [(100 + w, i, "x") for w in range(8) for i in range(50)]
    for ok, error in execute_concurrent_with_args(session, insert, rows, concurrency=8):
        assert ok, error


@scenario
def batch():
    statements = BatchStatement()
    for i in range(20):
        statements.add(insert, (2, i, "batch"))
    session.execute(statements)
    assert session.execute("SELECT count(*) FROM %s.items WHERE k = 2" % KS).one()[0] == 20


@scenario
def paging():
    text = "SELECT c FROM %s.items WHERE k IN (100, 101, 102, 103)" % KS
    assert len(list(session.execute(SimpleStatement(text, fetch_size=7)))) == 200


@scenario
def lwt():
    text = "INSERT INTO %s.items (k, c, v) VALUES (3, 3, 'x') IF NOT EXISTS" % KS
    assert [session.execute(text).was_applied for _ in range(2)] == [True, False]


@scenario
def use_keyspace():
    other, inside = new_session(KS)
    inside.execute("SELECT count(*) FROM items WHERE k = 2").one()
    other.shutdown()


@scenario
def large_row():
    sent = b"0123456789abcdef" * 65536
    blob = session.prepare("INSERT INTO %s.blobs (k, b) VALUES (?, ?)" % KS)
    session.execute(blob, (1, sent))
    assert session.execute("SELECT b FROM %s.blobs WHERE k = 1" % KS).one().b == sent


@scenario
def denied():
    refused("SELECT * FROM forbidden.t", Unauthorized)


@scenario
def syntax():
    refused("SELEC * FROM %s.items" % KS, SyntaxException)


@scenario
def invalid():
    refused("SELECT nothing FROM %s.items" % KS, InvalidRequest)


stopped = threading.Event()


def wait_for_end():
    sys.stdin.read()
    stopped.set()


threading.Thread(target=wait_for_end, daemon=True).start()
report("surviving", True)
select = session.prepare("SELECT c FROM %s.items WHERE k = ? LIMIT 1" % KS)
select.is_idempotent = True
reads = writes = i = 0
failure = None
lost = {}
while not stopped.is_set():
    i += 1
    try:
        session.execute(select, (100 + i % 4,))
        reads += 1
    except Exception as error:
        failure = repr(error)
    try:
        session.execute(insert, (200, i % 100, "x"))
        writes += 1
    except Exception as error:
        lost[type(error).__name__] = lost.get(type(error).__name__, 0) + 1
    time.sleep(0.02)
report("survive", failure is None, failure or {"reads": reads, "writes": writes, "lost": lost})
cluster.shutdown()
