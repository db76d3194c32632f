//! The S3 endpoint over an object that ends wrongly.

use super::{SIZES, block, is_empty};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use storage_conformance::cases::bytes;
use storage_host::Objects;
use storage_host::backends::memory::Memory;
use storage_host::backends::{OpenArgs, backend};
use storage_host::config::{Credentials, Scope, User};
use storage_host::serve::{Exposed, Offer, Server, Users};
use storage_host::store::ObjectStore;
use storage_tests::http;
use storage_tests::ill::{Ending, Ill};
use storage_tests::server::{ACCESS_KEY, SECRET_KEY};
use storage_tests::signing::Signer;

/// The endpoint over a faulty store `ill` and a sound one, `well`.
struct Endpoint {
    ill: Ill,
    well: Arc<Memory>,
    port: u16,
    staging: tempfile::TempDir,
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl Endpoint {
    /// Starts an endpoint for unsigned requests.
    fn start() -> Result<Self> {
        let (ill, well) = (Ill::new(true), Arc::new(Memory::new()));
        let exposed = Exposed::Fixed(vec![
            ("ill".to_owned(), Objects::new("ill", ill.shared())),
            ("well".to_owned(), Objects::new("well", well.clone())),
        ]);
        Self::offering(exposed, Users::new(&[], Some(Scope::everything())), false, ill, well)
    }

    /// Starts an endpoint with owners and ACLs, over the faulty store.
    fn owned() -> Result<Self> {
        let ill = Ill::new(true);
        let exposed = Exposed::Dynamic(Objects::new("ill", ill.shared()));
        let credentials =
            Credentials { access_key: ACCESS_KEY.to_owned(), secret_key: SECRET_KEY.to_owned() };
        let owner = User { credentials, scope: Scope::everything() };
        Self::offering(exposed, Users::new(&[owner], None), true, ill, Arc::default())
    }

    fn offering(
        exposed: Exposed,
        users: Users,
        acls: bool,
        ill: Ill,
        well: Arc<Memory>,
    ) -> Result<Self> {
        let staging = tempfile::tempdir()?;
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (send, port) = std::sync::mpsc::channel();
        let path = staging.path().to_owned();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new()?;
            runtime.block_on(async {
                let staging = Ok(files(path).await?);
                let offer = Offer { acls, staging, ..Offer::new(exposed, users) };
                let server = Server::bind("127.0.0.1:0".parse()?, offer).await?;
                send.send(server.address()?.port())?;
                server.run(async { drop(stopped.await) }).await;
                anyhow::Ok(())
            })
        });
        Ok(Self { ill, well, port: port.recv()?, staging, _stop: stop })
    }

    fn put(&self, path: &str, headers: &[(&str, &str)], data: &[u8]) -> Result<(u16, String)> {
        let (status, head, body) = http::request(self.port, "PUT", path, headers, data)?;
        Ok((status, head + &String::from_utf8_lossy(&body)))
    }

    /// Starts an upload of `well/k` and returns its id.
    fn upload(&self) -> Result<String> {
        let (_, _, said) = http::request(self.port, "POST", "/well/k?uploads", &[], b"")?;
        let said = String::from_utf8(said)?;
        let id = said.split_once("<UploadId>").and_then(|(_, rest)| rest.split_once('<'));
        Ok(id.context("an id")?.0.to_owned())
    }

    fn complete(&self, id: &str, etag: &str) -> Result<(u16, String)> {
        let document = format!(
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>\
             </CompleteMultipartUpload>"
        );
        let path = format!("/well/k?uploadId={id}");
        let (status, _, said) = http::request(self.port, "POST", &path, &[], document.as_bytes())?;
        Ok((status, String::from_utf8_lossy(&said).into_owned()))
    }
}

#[test]
fn the_endpoint_gives_no_whole_answer_and_makes_nothing_of_it() -> Result<()> {
    let at = Endpoint::start()?;
    for ending in Ending::ILL {
        for size in SIZES {
            let data = bytes(size, 9);
            let (status, said) = at.put("/ill/k", &[], &data)?;
            ensure!(status == 200, "{said}");
            at.ill.end(ending);
            let test = || -> Result<()> {
                for headers in [vec![], vec![("range", "bytes=0-")]] {
                    let (status, body) = http::get_whole(at.port, "/ill/k", &headers)?;
                    match size {
                        3_000_000 => ensure!(body.is_none(), "GET {headers:?} is whole"),
                        // The answer had not begun.
                        _ => ensure!(status == 500, "GET {headers:?} gives {status}"),
                    }
                }
                let from = [("x-amz-copy-source", "/ill/k")];
                let (status, said) = at.put("/well/k", &from, b"")?;
                ensure!(status == 500, "CopyObject: {status} {said}");
                is_empty(&at.well)?;
                let id = at.upload()?;
                let path = format!("/well/k?partNumber=1&uploadId={id}");
                let last = format!("bytes=0-{}", size - 1);
                for headers in [&from[..], &[from[0], ("x-amz-copy-source-range", &last)]] {
                    let (status, said) = at.put(&path, headers, b"")?;
                    ensure!(status == 500, "UploadPartCopy: {status} {said}");
                }
                let (status, said) = at.complete(&id, "\"0\"")?;
                ensure!(status == 400, "its completion: {status} {said}");
                is_empty(&at.well)?;
                let tags =
                    b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>";
                let before = block(at.ill.memory.stat("k"))?;
                let (status, said) = at.put("/ill/k?tagging", &[], tags)?;
                ensure!(status == 500, "PutObjectTagging: {status} {said}");
                ensure!(block(at.ill.memory.stat("k"))? == before, "it was written anew");
                Ok(())
            };
            test().with_context(|| format!("{ending:?}, {size} bytes"))?;
            at.ill.end(Ending::Well);
            let (status, body) = http::get_whole(at.port, "/ill/k", &[])?;
            ensure!((status, body) == (200, Some(data)), "afterwards: {status}");
        }
    }
    at.put("/ill/empty-k", &[], b"")?;
    at.ill.end(Ending::Fails);
    let (status, _) = http::get_whole(at.port, "/ill/empty-k", &[])?;
    ensure!(status == 500, "an empty object: {status}");
    Ok(())
}

#[test]
fn a_list_of_rights_is_not_given_to_an_object_that_does_not_end_well() -> Result<()> {
    let at = Endpoint::owned()?;
    let signer = Signer::new(at.port, "us-east-1", ACCESS_KEY, SECRET_KEY)?;
    let send = |path: &str, more: &[(&str, &str)], data: &[u8]| -> Result<String> {
        let head = signer.head_with("PUT", path, data.len() as u64, more)?;
        let head = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", at.port))?;
        stream.write_all(head.as_bytes())?;
        stream.write_all(data)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let is = |answer: &str, status: &str| answer.starts_with(&format!("HTTP/1.1 {status}"));
    let public = [("x-amz-acl", "public-read")];
    let made = send("/bucket", &[("x-amz-object-ownership", "ObjectWriter")], b"")?;
    ensure!(is(&made, "200"), "{made}");
    for size in SIZES {
        let put = send("/bucket/k", &[], &bytes(size, 4))?;
        ensure!(is(&put, "200"), "{put}");
        let key = "bucket/k";
        let before = block(at.ill.memory.stat(key))?;
        for ending in Ending::ILL {
            at.ill.end(ending);
            let granted = send("/bucket/k?acl", &public, b"")?;
            at.ill.end(Ending::Well);
            ensure!(is(&granted, "500"), "{ending:?}, {size} bytes: {granted}");
            ensure!(block(at.ill.memory.stat(key))? == before, "it was written anew");
        }
        let granted = send("/bucket/k?acl", &public, b"")?;
        ensure!(is(&granted, "200"), "{granted}");
    }
    Ok(())
}

/// The objects of a directory.
async fn files(directory: PathBuf) -> Result<Objects> {
    let backend = backend("FilesystemStore").context("a backend")?;
    let args = OpenArgs {
        name: "staging".to_owned(),
        config: json!({"root_path": directory.join("uploads")}),
        directory,
        create: true,
        check: None,
    };
    Ok(Objects::new("staging", (backend.open)(args).await?))
}

/// The only staged part.
fn part(staging: &Path) -> Result<PathBuf> {
    let mut todo = vec![staging.to_owned()];
    while let Some(path) = todo.pop() {
        for entry in std::fs::read_dir(path)? {
            let path = entry?.path();
            match path.is_dir() {
                true => todo.push(path),
                false if path.ends_with("part-00001") => return Ok(path),
                false => {}
            }
        }
    }
    anyhow::bail!("there is no part")
}

#[test]
fn an_upload_whose_part_is_not_what_arrived_is_not_completed() -> Result<()> {
    let at = Endpoint::start()?;
    for size in SIZES {
        for change in [-1_i64, 1] {
            let id = at.upload()?;
            let path = format!("/well/k?partNumber=1&uploadId={id}");
            let (status, said) = at.put(&path, &[], &bytes(size, 2))?;
            ensure!(status == 200, "{said}");
            let etag = said.lines().find_map(|line| line.strip_prefix("etag: "));
            let etag = etag.context("an etag")?.trim();
            let file = std::fs::OpenOptions::new().write(true).open(part(at.staging.path())?)?;
            file.set_len(u64::try_from(i64::try_from(size)? + change)?)?;
            let (status, said) = at.complete(&id, etag)?;
            let is_missed = status == 400 && said.contains("InvalidPart");
            ensure!(is_missed, "{size} {change}: {status} {said}");
            is_empty(&at.well)?;
            http::request(at.port, "DELETE", &format!("/well/k?uploadId={id}"), &[], b"")?;
        }
    }
    Ok(())
}
