#!/bin/sh
# Written for a Cassandra without authentication; run as `hello NAME TEXT`, it writes TEXT and prints what it read.
exec cqlsh "$CASSANDRA_HOST" "$CASSANDRA_PORT" -e "
  INSERT INTO hello.greetings (name, text) VALUES ('$1', '$2');
  SELECT text FROM hello.greetings WHERE name = '$1';"
