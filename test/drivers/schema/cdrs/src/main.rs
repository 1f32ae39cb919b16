// Rust's older driver makes a type, a table and an index, writes a row and prints what it read.
// PORT USERNAME PASSWORD KEYSPACE
use std::{env, error::Error, sync::Arc};

use cdrs_tokio::authenticators::StaticPasswordAuthenticatorProvider;
use cdrs_tokio::cluster::session::{SessionBuilder, TcpSessionBuilder};
use cdrs_tokio::cluster::NodeTcpConfigBuilder;
use cdrs_tokio::load_balancing::RoundRobinLoadBalancingStrategy;
use cdrs_tokio::query_values;
use cdrs_tokio::types::ByName;

const CHANGES: [&str; 3] = [
    "CREATE TYPE IF NOT EXISTS address (street text, zip int)",
    "CREATE TABLE IF NOT EXISTS item (id int, at int, name text, address frozen<address>, tags set<text>, \
     PRIMARY KEY (id, at)) WITH CLUSTERING ORDER BY (at DESC)",
    "CREATE INDEX IF NOT EXISTS item_name ON item (name)",
];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let given: Vec<String> = env::args().skip(1).collect();
    let [port, username, password, keyspace] = given.as_slice() else {
        return Err("PORT USERNAME PASSWORD KEYSPACE".into());
    };
    let config = NodeTcpConfigBuilder::new()
        .with_contact_point(format!("127.0.0.1:{port}").into())
        .with_authenticator_provider(Arc::new(StaticPasswordAuthenticatorProvider::new(username, password)))
        .build()
        .await?;
    let session = TcpSessionBuilder::new(RoundRobinLoadBalancingStrategy::new(), config)
        .with_keyspace(keyspace.clone())
        .build()
        .await?;
    for change in CHANGES {
        session.query(change).await?;
    }
    let insert = session.prepare("INSERT INTO item (id, at, name) VALUES (?, ?, ?)").await?;
    session.exec_with_values(&insert, query_values!(1i32, 1i32, "from cdrs-tokio")).await?;
    let answer = session
        .query_with_values("SELECT name FROM item WHERE id = ? AND at = ?", query_values!(1i32, 1i32))
        .await?;
    let rows = answer.response_body()?.into_rows().unwrap_or_default();
    let name: String = rows.first().ok_or("no row")?.r_by_name("name")?;
    println!("{name}");
    Ok(())
}
