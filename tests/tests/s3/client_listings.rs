//! Ten thousand keys, put by one client, listed by all, and deleted by one.

use anyhow::{Context, Result};
use storage_tests::server::Server;
use storage_tests::{clients, corpus};

const DATABASE: &str = "
stores:
  database:
    type: SqliteStore
    config: {db_path: objects.db}
main: database
";

/// The clients, each with its listing script.
const LISTERS: &[(&str, &str)] = &[
    ("boto3", "list_all.py"),
    ("minio", "list_all.py"),
    ("aws", "list_all.sh"),
    ("s5cmd", "list_all.sh"),
    ("s3cmd", "list_all.sh"),
    ("rclone", "list_all.sh"),
    ("curl", "list_all.sh"),
    ("sdk", "list_all.cjs"),
];

#[test]
fn every_client_lists_the_same_ten_thousand_keys_and_bulk_deletes_leave_none() -> Result<()> {
    let server = Server::start(DATABASE)?;
    let work = tempfile::tempdir()?;
    let source = work.path().join("source");
    let names = corpus::many_files(&source, 10_000)?;
    let folders: Vec<_> = (0..100).map(|i| format!("{i:03}/")).collect();
    clients::script(&server, "put_many.sh", &["main", &source.display().to_string()])?;
    let list = |client: &str, script, what| -> Result<Vec<String>> {
        let printed = clients::script(&server, script, &[client, "main", what])
            .with_context(|| format!("{what} with {client}"))?;
        let mut lines: Vec<_> = printed.lines().map(str::to_owned).collect();
        // rclone lists folders in no particular order.
        lines.sort_unstable();
        Ok(lines)
    };
    for (client, script) in LISTERS {
        assert!(list(client, script, "all")? == names, "{client} lists other keys");
        assert_eq!(list(client, script, "top")?, folders, "{client}");
    }
    clients::script(&server, "delete_all.sh", &["main"])?;
    assert_eq!(list("boto3", "list_all.py", "all")?, Vec::<String>::new());
    server.stop()?;
    Ok(())
}
