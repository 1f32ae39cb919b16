"""The scenarios of test/support/driver-matrix.ts with cqlsh: one JSON line for each.

Called as: matrix_cqlsh.py CQLSH PORT USERNAME PASSWORD VERSION KEYSPACE
"""

import json
import os
import subprocess
import sys
import threading

CQLSH, PORT, USERNAME, PASSWORD, VERSION, KS = sys.argv[1:7]


def report(scenario, ok, detail=""):
    print(json.dumps({"scenario": scenario, "ok": ok, "detail": str(detail)}), flush=True)


def scenario(function):
    try:
        function()
        report(function.__name__, True)
    except Exception as error:
        report(function.__name__, False, repr(error))


def start(text, keyspace=None):
    options = ["-u", USERNAME, "-p", PASSWORD, "--request-timeout", "60", "--connect-timeout", "20"]
    options += ["--protocol-version", VERSION] + (["-k", keyspace] if keyspace else [])
    return subprocess.Popen(
        [CQLSH, os.environ["GATE_HOST"], PORT, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ), text


def finish(started):
    process, text = started
    # cqlsh writes and reads at ONE by default; with three replicas a row just written may then not be seen.
    return process.communicate("CONSISTENCY LOCAL_QUORUM;\n" + text, timeout=120)


def cqlsh(text, keyspace=None):
    out, err = finish(start(text, keyspace))
    # cqlsh warns of passwords on the command line.
    errors = [line for line in err.splitlines() if ":" in line and ("rror" in line or "Exception" in line or "nauthorized" in line)]
    if errors:
        raise AssertionError("\n".join(errors)[:500])
    return out


def refused(text, expected):
    try:
        cqlsh(text)
    except AssertionError as error:
        assert expected in str(error), str(error)
        return
    raise AssertionError("it was not refused")


@scenario
def connect():
    assert "5.0" in cqlsh("SHOW VERSION;")


@scenario
def schema():
    cqlsh(
        """CREATE KEYSPACE %s WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 3};
CREATE TABLE %s.items (k int, c int, v text, PRIMARY KEY (k, c));
CREATE TABLE %s.blobs (k int PRIMARY KEY, b blob);
ALTER TABLE %s.items ADD note text;"""
        % (KS, KS, KS, KS)
    )
    assert "note text" in cqlsh("DESCRIBE TABLE %s.items;" % KS)


@scenario
def write_read():
    out = cqlsh("INSERT INTO %s.items (k, c, v) VALUES (1, 1, 'grüße'); SELECT v FROM %s.items WHERE k = 1;" % (KS, KS))
    assert "grüße" in out, out


@scenario
def parallel():
    def rows(w):
        inserts = ["INSERT INTO %s.items (k, c, v) VALUES (%d, %d, 'x');" % (KS, 100 + w, i) for i in range(50)]
        return "\n".join(inserts)

    for one in [start(rows(w)) for w in range(4)]:
        out, err = finish(one)
        assert "rror" not in err, err


@scenario
def batch():
    inserts = "".join("INSERT INTO %s.items (k, c, v) VALUES (2, %d, 'batch'); " % (KS, i) for i in range(20))
    out = cqlsh("BEGIN BATCH %s APPLY BATCH; SELECT count(*) FROM %s.items WHERE k = 2;" % (inserts, KS))
    assert " 20" in out, out


@scenario
def paging():
    out = cqlsh("PAGING 7\nSELECT c FROM %s.items WHERE k IN (100, 101, 102, 103);" % KS)
    assert "(200 rows)" in out, out[-200:]


@scenario
def lwt():
    text = "INSERT INTO %s.items (k, c, v) VALUES (3, 3, 'x') IF NOT EXISTS;" % KS
    out = cqlsh(text + "\n" + text)
    assert "True" in out and "False" in out, out


@scenario
def use_keyspace():
    assert " 20" in cqlsh("SELECT count(*) FROM items WHERE k = 2;", KS)


@scenario
def large_row():
    # cqlsh formats what it prints: a tenth of what the others send.
    text = "0123456789abcdef" * 6554
    out = cqlsh("INSERT INTO %s.items (k, c, v) VALUES (4, 4, '%s'); SELECT v FROM %s.items WHERE k = 4;" % (KS, text, KS))
    assert text in out, (len(out), out[:200], out[-200:])


@scenario
def denied():
    refused("SELECT * FROM forbidden.t;", "nauthorized")


@scenario
def syntax():
    refused("SELEC * FROM %s.items;" % KS, "SyntaxException")


@scenario
def invalid():
    refused("SELECT nothing FROM %s.items;" % KS, "InvalidRequest")


stopped = threading.Event()


def wait_for_end():
    sys.stdin.read()
    stopped.set()


threading.Thread(target=wait_for_end, daemon=True).start()
report("surviving", True)
reads = 0
failure = None
while not stopped.is_set():
    try:
        assert "(1 rows)" in cqlsh("SELECT c FROM %s.items WHERE k = 100 LIMIT 1;" % KS)
        reads += 1
    except Exception as error:
        failure = repr(error)
report("survive", failure is None, failure or {"reads": reads})
