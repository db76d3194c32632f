//! Requests for operations that the endpoint does not have.

use anyhow::Result;
use storage_host::serve::protocol::operations::OPERATIONS;
use storage_tests::clients;
use storage_tests::server::Server;

#[test]
fn no_operation_that_is_not_implemented_changes_anything() -> Result<()> {
    let stores = "
stores:
  main: {type: MemoryStore}
main: main
";
    let server = Server::start_serving(
        stores,
        "
  buckets: dynamic
  credentials: {access_key: TESTACCESSKEY0000001, secret_key: \"${SECRET}\"}
",
    )?;
    let known: Vec<&str> = OPERATIONS.iter().map(|operation| operation.name).collect();
    clients::script(&server, "unknown_requests.py", &known)?;
    server.stop()?;
    Ok(())
}
