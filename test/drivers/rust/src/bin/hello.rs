// Written for a Cassandra without authentication; run as `hello NAME TEXT`, it writes TEXT and prints what it read.
use scylla::client::session_builder::SessionBuilder;
use std::env;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = env::args().collect();
    let session = SessionBuilder::new()
        .known_node(format!("{}:{}", env::var("CASSANDRA_HOST")?, env::var("CASSANDRA_PORT")?))
        .build()
        .await?;
    session.query_unpaged("INSERT INTO hello.greetings (name, text) VALUES (?, ?)", (&args[1], &args[2])).await?;
    let found = session.query_unpaged("SELECT text FROM hello.greetings WHERE name = ?", (&args[1],)).await?;
    println!("{}", found.into_rows_result()?.single_row::<(String,)>()?.0);
    Ok(())
}
