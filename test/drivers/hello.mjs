// Written for a Cassandra without authentication; run as `hello NAME TEXT`, it writes TEXT and prints what it read.
import cassandra from 'cassandra-driver';

const [name, text] = process.argv.slice(2);
const client = new cassandra.Client({
  contactPoints: [`${process.env.CASSANDRA_HOST}:${process.env.CASSANDRA_PORT}`],
  localDataCenter: 'datacenter1',
});
await client.execute('INSERT INTO hello.greetings (name, text) VALUES (?, ?)', [name, text], {
  prepare: true,
});
const { rows } = await client.execute('SELECT text FROM hello.greetings WHERE name = ?', [name]);
console.log(rows[0].text);
await client.shutdown();
