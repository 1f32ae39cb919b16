// The scenarios of test/support/driver-matrix.ts with the Rust driver: one JSON line for each.
use futures::future::try_join_all;
use futures::TryStreamExt;
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::errors::{DbError, ExecutionError, RequestAttemptError};
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::unprepared::Statement;
use scylla::statement::Consistency;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

type Done = Result<(), Box<dyn Error + Send + Sync>>;

fn report(scenario: &str, ok: bool, detail: &str) {
    let detail = detail.replace('\\', "\\\\").replace('"', "'").replace('\n', " ");
    println!("{{\"scenario\":\"{scenario}\",\"ok\":{ok},\"detail\":\"{detail}\"}}");
}

fn scenario(name: &str, done: Done) {
    match done {
        Ok(()) => report(name, true, ""),
        Err(error) => report(name, false, &format!("{error:?}")),
    }
}

async fn connect(args: &[String], keyspace: Option<&str>) -> Result<Session, Box<dyn Error + Send + Sync>> {
    let profile = ExecutionProfile::builder()
        .request_timeout(Some(Duration::from_secs(60)))
        .consistency(Consistency::LocalQuorum)
        .build();
    let mut builder = SessionBuilder::new()
        .known_node(format!("{}:{}", std::env::var("GATE_HOST")?, args[1]))
        .user(&args[2], &args[3])
        .connection_timeout(Duration::from_secs(20))
        .default_execution_profile_handle(profile.into_handle());
    if let Some(keyspace) = keyspace {
        builder = builder.use_keyspace(keyspace, false);
    }
    Ok(builder.build().await?)
}

fn db_error(error: &ExecutionError) -> Option<&DbError> {
    match error {
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(error, _)) => Some(error),
        _ => None,
    }
}

async fn refused(session: &Session, text: String, is: fn(&DbError) -> bool) -> Done {
    match session.query_unpaged(text, ()).await {
        Ok(_) => Err("it was not refused".into()),
        Err(error) => match db_error(&error) {
            Some(found) if is(found) => Ok(()),
            _ => Err(format!("{error:?}").into()),
        },
    }
}

async fn schema(session: &Session, ks: &str) -> Done {
    for text in [
        format!("CREATE KEYSPACE {ks} WITH replication = {{'class': 'NetworkTopologyStrategy', 'datacenter1': 3}}"),
        format!("CREATE TABLE {ks}.items (k int, c int, v text, PRIMARY KEY (k, c))"),
        format!("CREATE TABLE {ks}.blobs (k int PRIMARY KEY, b blob)"),
        format!("ALTER TABLE {ks}.items ADD note text"),
    ] {
        session.query_unpaged(text, ()).await?;
    }
    session.await_schema_agreement().await?;
    session.refresh_metadata().await?;
    let state = session.get_cluster_state();
    let keyspace = state.get_keyspace(ks).ok_or("no keyspace in the metadata")?;
    if keyspace.tables.len() != 2 {
        return Err(format!("{} tables in the metadata", keyspace.tables.len()).into());
    }
    Ok(())
}

async fn count(session: &Session, text: String) -> Result<i64, Box<dyn Error + Send + Sync>> {
    let rows = session.query_unpaged(text, ()).await?.into_rows_result()?;
    Ok(rows.single_row::<(i64,)>()?.0)
}

async fn write_read(session: &Session, ks: &str) -> Done {
    session
        .query_unpaged(format!("INSERT INTO {ks}.items (k, c, v) VALUES (?, ?, ?)"), (1, 1, "grüße"))
        .await?;
    let rows = session
        .query_unpaged(format!("SELECT v FROM {ks}.items WHERE k = ? AND c = ?"), (1, 1))
        .await?
        .into_rows_result()?;
    let (value,) = rows.single_row::<(String,)>()?;
    if value == "grüße" { Ok(()) } else { Err(value.into()) }
}

async fn parallel(session: &Session, ks: &str) -> Done {
    let insert = session.prepare(format!("INSERT INTO {ks}.items (k, c, v) VALUES (?, ?, ?)")).await?;
    for w in 0..8 {
        try_join_all((0..50).map(|i| session.execute_unpaged(&insert, (100 + w, i, "x")))).await?;
    }
    Ok(())
}

async fn batch(session: &Session, ks: &str) -> Done {
    let insert = session.prepare(format!("INSERT INTO {ks}.items (k, c, v) VALUES (?, ?, ?)")).await?;
    let mut batch = Batch::new(BatchType::Logged);
    for _ in 0..20 {
        batch.append_statement(insert.clone());
    }
    let values: Vec<(i32, i32, &str)> = (0..20).map(|i| (2, i, "batch")).collect();
    session.batch(&batch, values).await?;
    match count(session, format!("SELECT count(*) FROM {ks}.items WHERE k = 2")).await? {
        20 => Ok(()),
        other => Err(format!("{other} rows").into()),
    }
}

async fn paging(session: &Session, ks: &str) -> Done {
    let mut statement = Statement::new(format!("SELECT c FROM {ks}.items WHERE k IN (100, 101, 102, 103)"));
    statement.set_page_size(7);
    let mut rows = session.query_iter(statement, ()).await?.rows_stream::<(i32,)>()?;
    let mut found = 0;
    while rows.try_next().await?.is_some() {
        found += 1;
    }
    if found == 200 { Ok(()) } else { Err(format!("{found} rows").into()) }
}

async fn lwt(session: &Session, ks: &str) -> Done {
    for expected in [true, false] {
        let rows = session
            .query_unpaged(format!("INSERT INTO {ks}.items (k, c, v) VALUES (3, 3, 'x') IF NOT EXISTS"), ())
            .await?
            .into_rows_result()?;
        let row = rows.first_row::<scylla::value::Row>()?;
        let applied = row.columns[0].as_ref().and_then(|value| value.as_boolean());
        if applied != Some(expected) {
            return Err(format!("applied {applied:?}").into());
        }
    }
    Ok(())
}

async fn large_row(session: &Session, ks: &str) -> Done {
    let sent = "0123456789abcdef".repeat(65536).into_bytes();
    session.query_unpaged(format!("INSERT INTO {ks}.blobs (k, b) VALUES (?, ?)"), (1, &sent)).await?;
    let rows = session.query_unpaged(format!("SELECT b FROM {ks}.blobs WHERE k = 1"), ()).await?.into_rows_result()?;
    let (got,) = rows.single_row::<(Vec<u8>,)>()?;
    if got == sent { Ok(()) } else { Err(format!("{} bytes came back", got.len()).into()) }
}

fn name_of(error: &ExecutionError) -> String {
    match error {
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(error, _)) => {
            format!("{error:?}").split([' ', '(', '{']).next().unwrap_or("").to_string()
        }
        other => format!("{other:?}").chars().take(60).collect(),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let args: Vec<String> = std::env::args().collect();
    let ks = args[5].clone();
    let session = match connect(&args, None).await {
        Ok(session) => session,
        Err(error) => {
            report("connect", false, &format!("{error:?}"));
            return Ok(());
        }
    };
    report("connect", true, "");
    scenario("schema", schema(&session, &ks).await);
    scenario("write_read", write_read(&session, &ks).await);
    scenario("parallel", parallel(&session, &ks).await);
    scenario("batch", batch(&session, &ks).await);
    scenario("paging", paging(&session, &ks).await);
    scenario("lwt", lwt(&session, &ks).await);
    scenario("use_keyspace", async {
        let inside = connect(&args, Some(&ks)).await?;
        count(&inside, "SELECT count(*) FROM items WHERE k = 2".to_string()).await?;
        Ok(())
    }.await);
    scenario("large_row", large_row(&session, &ks).await);
    scenario("denied", refused(&session, "SELECT * FROM forbidden.t".to_string(), |e| matches!(e, DbError::Unauthorized)).await);
    scenario("syntax", refused(&session, format!("SELEC * FROM {ks}.items"), |e| matches!(e, DbError::SyntaxError)).await);
    scenario("invalid", refused(&session, format!("SELECT nothing FROM {ks}.items"), |e| matches!(e, DbError::Invalid)).await);

    let stopped = Arc::new(AtomicBool::new(false));
    let flag = stopped.clone();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        flag.store(true, Ordering::Relaxed);
    });
    report("surviving", true, "");
    let mut select = session.prepare(format!("SELECT c FROM {ks}.items WHERE k = ? LIMIT 1")).await?;
    select.set_is_idempotent(true);
    let insert = session.prepare(format!("INSERT INTO {ks}.items (k, c, v) VALUES (?, ?, ?)")).await?;
    let (mut reads, mut writes, mut failure) = (0, 0, None);
    let mut lost: BTreeMap<String, i32> = BTreeMap::new();
    let mut i = 0;
    while !stopped.load(Ordering::Relaxed) {
        match session.execute_unpaged(&select, (100 + i % 4,)).await {
            Ok(_) => reads += 1,
            Err(error) => failure = Some(format!("{error:?}")),
        }
        match session.execute_unpaged(&insert, (200, i % 100, "x")).await {
            Ok(_) => writes += 1,
            Err(error) => *lost.entry(name_of(&error)).or_default() += 1,
        }
        i += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    match failure {
        None => report("survive", true, &format!("reads {reads} writes {writes} lost {lost:?}")),
        Some(text) => report("survive", false, &text),
    }
    Ok(())
}
