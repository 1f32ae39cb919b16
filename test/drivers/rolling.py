"""Jobs and long sessions with the Python driver, as test/support/exactly-once.ts counts them; prints JSON.

Called as: rolling.py '{"port":..,"username":..,"password":..,"version":4|5,"jobs":..,"longs":..}'
Works until its standard input ends.
"""

import json
import random
import sys
import threading
import time

from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster, ExecutionProfile, EXEC_PROFILE_DEFAULT
from cassandra.policies import ConstantReconnectionPolicy

STATEMENTS = {
    "append": "UPDATE rolling.lists SET items = items + ? WHERE worker = ?",
    "count": "UPDATE rolling.counters SET n = n + 1 WHERE worker = ?",
    "first": "INSERT INTO rolling.firsts (id) VALUES (?) IF NOT EXISTS",
    "write": "INSERT INTO rolling.rows (id, v) VALUES (?, ?)",
    "read": "SELECT v FROM rolling.rows WHERE id = ?",
}
PARAMETERS = {
    "append": lambda worker, i: [[str(i)], worker],
    "count": lambda worker, i: [worker],
    "first": lambda worker, i: ["%s/%d" % (worker, i)],
    "write": lambda worker, i: ["%s/%d" % (worker, i), i],
    "read": lambda worker, i: ["%s/%d" % (worker, i)],
}
over = threading.Event()
tallies = []


def now_ms():
    return int(time.time() * 1000)


def new_tally(worker):
    tally = {
        "worker": worker,
        "startedAtMs": now_ms(),
        "endedAtMs": 0,
        "acknowledged": {kind: [] for kind in STATEMENTS},
        "failed": [],
        "wrong": [],
    }
    tallies.append(tally)
    return tally


def failed(tally, kind, i, error, sent_ms):
    failure = {"kind": kind, "i": i, "error": repr(error), "sentAtMs": sent_ms, "atMs": now_ms()}
    tally["failed"].append(failure)


def connect(target):
    cluster = Cluster(
        ["127.0.0.1"],
        port=target["port"],
        protocol_version=target["version"],
        auth_provider=PlainTextAuthProvider(target["username"], target["password"]),
        execution_profiles={EXEC_PROFILE_DEFAULT: ExecutionProfile(request_timeout=60)},
        reconnection_policy=ConstantReconnectionPolicy(0.5, max_attempts=None),
        connect_timeout=20,
    )
    try:
        session = cluster.connect()
        return cluster, session, {kind: session.prepare(text) for kind, text in STATEMENTS.items()}
    except Exception:
        cluster.shutdown()
        raise


def once(session, prepared, tally, kind, i):
    sent_ms = now_ms()
    try:
        row = session.execute(prepared[kind], PARAMETERS[kind](tally["worker"], i)).one()
        tally["acknowledged"][kind].append(i)
        if kind == "first" and not row.applied:
            tally["wrong"].append("first %d came second" % i)
        if kind == "read" and (row is None or row.v != i):
            tally["wrong"].append("read %d: %r" % (i, row))
    except Exception as error:
        failed(tally, kind, i, error, sent_ms)
        time.sleep(0.05)


def work(session, prepared, tally, pause, rounds=None):
    i = 0
    while (i < rounds) if rounds is not None else not over.is_set():
        for kind in ("append", "count", "first", "write"):
            once(session, prepared, tally, kind, i)
        if tally["acknowledged"]["write"][-1:] == [i]:
            once(session, prepared, tally, "read", i)
        time.sleep(pause)
        i += 1
    tally["endedAtMs"] = now_ms()


def jobs(target, number):
    n = 0
    while not over.is_set():
        tally = new_tally("py-job-%d-%d" % (number, n))
        try:
            cluster, session, prepared = connect(target)
        except Exception as error:
            failed(tally, "connect", 0, error, tally["startedAtMs"])
            tally["endedAtMs"] = now_ms()
            time.sleep(0.2)
        else:
            work(session, prepared, tally, 0.1, random.randint(1, 8))
            cluster.shutdown()
        n += 1


def long(target, number):
    cluster, session, prepared = connect(target)
    work(session, prepared, new_tally("py-long-%d" % number), 0.01)
    cluster.shutdown()


def main(target):
    threads = [threading.Thread(target=jobs, args=(target, n)) for n in range(target["jobs"])]
    threads += [threading.Thread(target=long, args=(target, n)) for n in range(target["longs"])]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    over.set()
    for thread in threads:
        thread.join()
    print(json.dumps(tallies))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
