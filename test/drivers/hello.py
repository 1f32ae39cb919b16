# Written for a Cassandra without authentication; run as `hello NAME TEXT`, it writes TEXT and prints what it read.
import os
import sys

from cassandra.cluster import Cluster

name, text = sys.argv[1:]
cluster = Cluster([os.environ["CASSANDRA_HOST"]], port=int(os.environ["CASSANDRA_PORT"]))
session = cluster.connect()
session.execute("INSERT INTO hello.greetings (name, text) VALUES (%s, %s)", (name, text))
print(session.execute("SELECT text FROM hello.greetings WHERE name = %s", (name,)).one().text)
cluster.shutdown()
