"""A job with the Python driver at a fleet of gates, of which one goes while it works; prints JSON.

Called as: fleet.py work '{"host":..,"port":..,"username":..,"password":..,"version":4|5,"seconds":..}'
"""

import collections
import json
import sys
import threading
import time

from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster


def work(target):
    cluster = Cluster(
        [target["host"]],
        port=target["port"],
        protocol_version=target["version"],
        auth_provider=PlainTextAuthProvider(target["username"], target["password"]),
        connect_timeout=20,
    )
    session = cluster.connect("fleet")
    hosts = sorted(
        [str(host.endpoint), str(host.host_id), host.datacenter, host.rack, host.release_version]
        for host in cluster.metadata.all_hosts()
    )
    select = session.prepare("SELECT v FROM t WHERE k = ?")
    by_host = collections.Counter()
    late = collections.Counter()
    failed = []
    end = time.time() + target["seconds"]

    def loop(first):
        k = first
        while time.time() < end:
            try:
                future = session.execute_async(select, (k % 1000,), timeout=20)
                future.result()
                host = str(future.coordinator_host.endpoint)
                by_host[host] += 1
                if time.time() > end - 2:
                    late[host] += 1
            except Exception as error:
                failed.append(repr(error))
            k += 8

    threads = [threading.Thread(target=loop, args=(first,)) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tokens = cluster.metadata.token_map is not None and len(cluster.metadata.token_map.ring)
    cluster.shutdown()
    return {
        "hosts": hosts,
        "by_host": by_host,
        "late": late,
        "failed": failed[:5],
        "tokens": tokens,
    }


if __name__ == "__main__":
    print(json.dumps({"work": work}[sys.argv[1]](json.loads(sys.argv[2]))))
