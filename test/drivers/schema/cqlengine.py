# Python's object mapper makes its type and its table, writes a row and prints what it read.
# PORT USERNAME PASSWORD KEYSPACE
import os
import sys

from cassandra.auth import PlainTextAuthProvider
from cassandra.cqlengine import columns, connection
from cassandra.cqlengine.management import sync_table
from cassandra.cqlengine.models import Model
from cassandra.cqlengine.usertype import UserType

port, username, password, keyspace = sys.argv[1:5]
os.environ['CQLENG_ALLOW_SCHEMA_MANAGEMENT'] = '1'


class Address(UserType):
    street = columns.Text()
    zip = columns.Integer()


class Item(Model):
    id = columns.Integer(primary_key=True)
    at = columns.Integer(primary_key=True, clustering_order='DESC')
    name = columns.Text(index=True)
    address = columns.UserDefinedType(Address)
    tags = columns.Set(columns.Text)


connection.setup(
    ['127.0.0.1'],
    keyspace,
    port=int(port),
    auth_provider=PlainTextAuthProvider(username, password),
)
sync_table(Item)
Item.create(id=1, at=1, name='from cqlengine', address=Address(street='Main', zip=1), tags={'a'})
print(Item.objects(id=1, at=1).first().name)
connection.unregister_connection('default')
