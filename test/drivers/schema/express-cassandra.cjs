// Node's object mapper makes its table, index and view, writes a row and prints what it read.
// PORT USERNAME PASSWORD KEYSPACE
const models = require('express-cassandra');

const [port, username, password, keyspace] = process.argv.slice(2);

async function main() {
  const orm = models.createClient({
    clientOptions: {
      contactPoints: ['127.0.0.1'],
      protocolOptions: { port: Number(port) },
      localDataCenter: 'datacenter1',
      keyspace,
      authProvider: new models.driver.auth.PlainTextAuthProvider(username, password),
    },
    ormOptions: {
      defaultReplicationStrategy: { class: 'SimpleStrategy', replication_factor: 1 },
      migration: 'safe',
      createKeyspace: false,
      udts: { address: { street: 'text', zip: 'int' } },
    },
  });
  await orm.initAsync();
  const Item = orm.loadSchema('item', {
    fields: {
      id: 'int',
      at: 'int',
      name: 'text',
      address: { type: 'frozen', typeDef: '<address>' },
      tags: { type: 'set', typeDef: '<text>' },
    },
    key: [['id'], 'at'],
    clustering_order: { at: 'desc' },
    indexes: ['name'],
    materialized_views: {
      item_by_name: { select: ['*'], key: ['name', 'id', 'at'] },
    },
  });
  await Item.syncDBAsync();
  await new Item({ id: 1, at: 1, name: 'from express-cassandra', tags: ['a'] }).saveAsync();
  const found = await Item.findOneAsync({ id: 1, at: 1 });
  console.log(found.name);
  await orm.closeAsync();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
