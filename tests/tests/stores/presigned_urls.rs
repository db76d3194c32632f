//! Presigned URLs, created by the binary and used over plain HTTP.

use anyhow::{Context, Result, ensure};
use storage_tests::http;
use storage_tests::server::run;
use storage_tests::servers::garage;

#[test]
fn whoever_holds_a_presigned_url_can_do_what_it_says_and_no_more() -> Result<()> {
    let node = garage::shared()?;
    let directory = tempfile::tempdir()?;
    let bucket = node.config(&node.bucket()?);
    let yaml = format!(
        "stores:\n  bucket: {{type: BucketStore, config: {bucket}}}\n  \
         small: {{type: GzipStore, base: bucket}}\nmain: small\n"
    );
    std::fs::write(directory.path().join("stores.yaml"), yaml)?;
    let presign = |args: &[&str]| {
        let output = run(directory.path(), &[&["presign"], args].concat());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{error}");
        let url = String::from_utf8(output.stdout)?;
        let path = url.trim().strip_prefix(&format!("http://127.0.0.1:{}", node.port()));
        Ok(path.with_context(|| format!("{url} leads elsewhere"))?.to_owned())
    };
    let key = "bucket:a folder/ü+1%.txt";
    let put = presign(&[key, "--method", "put", "--expires", "5m"])?;
    let (status, head, body) = http::request(node.port(), "PUT", &put, &[], b"by hand")?;
    ensure!(status == 200, "{head}{}", String::from_utf8_lossy(&body));
    let get = presign(&[key])?;
    let (status, _, body) = http::request(node.port(), "GET", &get, &[], b"")?;
    ensure!((status, body.as_slice()) == (200, b"by hand".as_slice()), "{status}");
    let (status, _, _) = http::request(node.port(), "DELETE", &get, &[], b"")?;
    ensure!(status == 403, "a URL for reading deletes: {status}");
    let other = get.replace("1%25.txt", "2.txt");
    ensure!(other != get, "the key is not in {get}");
    let (status, _, _) = http::request(node.port(), "GET", &other, &[], b"")?;
    ensure!(status == 403, "a URL for one object reads another: {status}");

    let refused = run(directory.path(), &["presign", "k"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    ensure!(refused.status.code() == Some(5), "{said}");
    ensure!(said.contains("\"small\" is a GzipStore: only a BucketStore"), "{said}");
    let long = run(directory.path(), &["presign", "bucket:k", "--expires", "8d"]);
    let said = String::from_utf8_lossy(&long.stderr).into_owned();
    ensure!(said.contains("at most seven days"), "{said}");
    Ok(())
}
