//! Objects that don't end as they were announced: all their bytes come and then
//! an error (a checksum), or one byte too many or too few. Nobody who reads
//! them takes them for whole, and nothing that is made of them is published.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::Path;
use std::slice::from_ref;
use std::sync::Arc;
use storage_conformance::cases::bytes;
use storage_conformance::subject::Dialect;
use storage_core::chain::{Base, Node, build};
use storage_core::env::Env;
use storage_core::kind::BaseShape;
use storage_core::source::Source as CoreSource;
use storage_host::Objects;
use storage_host::backends::memory::Memory;
use storage_host::blocking::{Blocking, runtime};
use storage_host::config::{Credentials, Scope, User};
use storage_host::engine::Shared;
use storage_host::mirrors::read_through;
use storage_host::serve::{Exposed, Offer, Server, Users};
use storage_host::store::{ByteRange, Error, ObjectStore, PutOptions, ReadOptions, SharedStore};
use storage_host::transfer::{
    Control, Copy, Relocate, Side, Sync, copy, relocate, relocate_one, sync,
};
use storage_tests::http;
use storage_tests::ill::{Ending, Ill};
use storage_tests::kinds::{Beside, Entry, entries};
use storage_tests::server::{ACCESS_KEY, SECRET_KEY};
use storage_tests::signing::Signer;
use storage_tests::transformers;

/// In one piece of any stream; in one here and several there; in several.
const SIZES: [usize; 3] = [10, 200_000, 3_000_000];

/// The same for chains: a cache fetches at once what has no more than 1 MiB.
const CHAINED: [usize; 3] = [10, 200_000, 1_300_000];

/// An ill store with an object, for every ending and size.
fn each(mut test: impl FnMut(Ill, Objects, usize, Bytes) -> Result<()>) -> Result<()> {
    for ending in Ending::ILL {
        for size in SIZES {
            for range in [true, false] {
                let ill = Ill::new(range);
                let objects = Objects::new("ill", ill.shared());
                let data = Bytes::from(bytes(size, 5));
                block(objects.put("k", data.clone(), PutOptions::default()))?;
                ill.end(ending);
                test(ill, objects, size, data)
                    .with_context(|| format!("{ending:?}, {size} bytes, range: {range}"))?;
            }
        }
    }
    Ok(())
}

fn block<T>(future: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Runtime::new().unwrap();
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}

fn empty() -> (Arc<Memory>, Objects) {
    let memory = Arc::new(Memory::new());
    (memory.clone(), Objects::new("target", memory))
}

fn is_empty(memory: &Memory) -> Result<()> {
    ensure!(block(memory.stat("k")).err() == Some(Error::NotFound), "it was published");
    Ok(())
}

fn invalid<T>(what: &str, result: storage_host::Result<T>) -> Result<()> {
    match result {
        Err(Error::InvalidData(_)) => Ok(()),
        Err(error) => anyhow::bail!("{what}: {error}"),
        Ok(_) => anyhow::bail!("{what}: it was taken for whole"),
    }
}

/// Reads without ever asking for more than was announced.
async fn as_announced(objects: &Objects, range: Option<ByteRange>) -> Result<usize, Error> {
    let mut source = objects.read("k", ReadOptions { range, ..ReadOptions::default() }).await?;
    let size = usize::try_from(source.info().size.unwrap_or(0)).unwrap_or(0);
    let mut came = 0;
    while came < size {
        let chunk = source.next(64 * 1024).await?;
        if chunk.is_empty() {
            return Err(Error::Other(format!("an end after {came} bytes")));
        }
        came += chunk.len();
    }
    Ok(came)
}

#[test]
fn who_reads_hears_of_it_before_the_last_byte() -> Result<()> {
    each(|_, objects, size, _| {
        block(async {
            let get = objects.get("k", ReadOptions::default(), u64::MAX).await;
            invalid("get", get)?;
            invalid("read", as_announced(&objects, None).await)?;
            let size = size as u64;
            for range in [ByteRange::from(0), ByteRange::last(size), ByteRange::span(0, size + 9)] {
                invalid("a range", as_announced(&objects, Some(range)).await)?;
                let options = ReadOptions { range: Some(range), ..ReadOptions::default() };
                invalid("get of a range", objects.get("k", options, u64::MAX).await)?;
            }
            let mut found = Vec::new();
            read_through(&objects, |_, finding| found.extend(finding)).await?;
            ensure!(found.len() == 1, "reading through finds {found:?}");
            Ok(())
        })
    })
}

#[test]
fn what_is_published_needs_an_end_of_as_many_bytes() -> Result<()> {
    use storage_host::source::Ended;
    let (memory, objects) = empty();
    for length in [2, 4] {
        let mut upload = block(objects.write("k", PutOptions::default()))?;
        block(upload.push("abc".into()))?;
        invalid("finish", block(upload.finish(Ended::own(length))))?;
        is_empty(&memory)?;
    }
    each(|_, source, _, _| {
        let mut source = block(source.read("k", ReadOptions::default()))?;
        block(source.next(1))?;
        ensure!(block(source.end()).is_err(), "it was not read to its end");
        Ok(())
    })
}

#[test]
fn transfers_count_it_as_failed_write_nothing_and_keep_the_source() -> Result<()> {
    each(|ill, from, _, _| {
        let control = Control::default();
        let from = Side::new(from, "");
        for overwrite in [true, false] {
            let (memory, objects) = empty();
            let to = Side::new(objects, "");
            let what = Copy { from: from.clone(), to: to.clone(), overwrite };
            let counts = block(copy(&what, &control)).map_err(|e| e.cause)?;
            ensure!((counts.copied, counts.failed.len()) == (0, 1), "copy: {counts:?}");
            is_empty(&memory)?;
            let what = Relocate { from: from.clone(), to: to.clone(), overwrite };
            let counts = block(relocate(&what, &control)).map_err(|e| e.cause)?;
            ensure!((counts.moved, counts.failed.len()) == (0, 1), "move: {counts:?}");
            let one = |side: &Side| Side::new(side.objects.clone(), "k");
            let what = Relocate { from: one(&from), to: one(&to), overwrite };
            let counts = block(relocate_one(&what, &control)).map_err(|e| e.cause)?;
            ensure!((counts.moved, counts.failed.len()) == (0, 1), "move of one: {counts:?}");
            is_empty(&memory)?;
            let counts = block(sync(&Sync::new(from.clone(), to.clone()), &control));
            let counts = counts.map_err(|e| e.cause)?;
            ensure!((counts.copied, counts.failed.len()) == (0, 1), "sync: {counts:?}");
            is_empty(&memory)?;
        }
        // Of the same size, and compared byte by byte.
        let (memory, objects) = empty();
        let old = block(ill.memory.get("k", ReadOptions::default()))?.1;
        let own = PutOptions { etag: Some("own-1".to_owned()), ..PutOptions::default() };
        block(objects.put("k", old.clone(), own))?;
        let what = Sync::new(from, Side::new(objects, ""));
        let counts = block(sync(&what, &control)).map_err(|e| e.cause)?;
        ensure!(
            (counts.copied, counts.skipped, counts.failed.len()) == (0, 0, 1),
            "sync: {counts:?}"
        );
        ensure!(block(memory.get("k", ReadOptions::default()))?.1 == old, "it was replaced");
        ensure!(block(ill.memory.exists("k"))?, "the source is gone");
        Ok(())
    })
}

/// A cache that fetches every object whole before anybody gets a part of it.
const AT_ONCE: Entry = Entry {
    kind: "CachingStore",
    variant: "at once",
    config: r#"{"at_once":4000000}"#,
    dialect: Dialect::PLAIN,
    composes: true,
    beside: Beside::Itself,
};

/// What every kind of decorator makes of it; natively.
#[test]
fn no_decorator_makes_a_whole_object_of_it_or_keeps_one() -> Result<()> {
    let runtime = runtime()?;
    for entry in entries()?.into_iter().chain([&AT_ONCE]) {
        for ending in Ending::ILL {
            for size in CHAINED {
                for range in [true, false] {
                    let chain = Chain::new(entry, size, range)?;
                    let open = |name: &str| {
                        let store = chain.bases.get(name).ok_or(Error::NotFound)?;
                        Ok(Blocking::shared(&runtime, store.clone()))
                    };
                    let built = build(from_ref(&chain.node), &Env::local(), open)?;
                    let store = built.last().context("a store")?;
                    if !store.capabilities().read {
                        continue;
                    }
                    let key = chain.key.as_str();
                    if store.capabilities().write {
                        let mut writer = store.write(key, &PutOptions::default())?;
                        writer.push(&chain.data)?;
                        writer.finish(Default::default())?;
                    } else {
                        let data = chain.data.clone().into();
                        block(chain.ill.memory.put(key, data, PutOptions::default()))?;
                    }
                    // Nothing of what was written is still in a cache.
                    let built = build(from_ref(&chain.node), &Env::local(), open)?;
                    let store = built.last().context("a store")?;
                    chain.forget();
                    let read = || {
                        let options = ReadOptions::default();
                        let source = CoreSource::new(store.read(key, &options)?, None);
                        source.collect(u64::MAX).map(|(_, data)| data)
                    };
                    let streamed = || {
                        let mut reader = store.read(key, &ReadOptions::default())?;
                        let mut data = Vec::new();
                        while data.len() < chain.data.len() {
                            let chunk = reader.next(64 * 1024)?;
                            if chunk.is_empty() {
                                break;
                            }
                            data.extend(chunk);
                        }
                        Ok::<_, Error>(data)
                    };
                    let get = || store.get(key, &ReadOptions::default()).map(|(_, data)| data);
                    let what =
                        || format!("{} {}, {ending:?}, {size}, {range}", entry.kind, entry.variant);
                    chain.ill.end(ending);
                    for _ in 0..2 {
                        // A mirror has another copy.
                        let whole = read();
                        let right = |data: &Vec<u8>| *data == chain.data;
                        ensure!(whole.as_ref().map_or(true, right), "{}", what());
                        ensure!(chain.has_other || whole.is_err(), "{}: read {whole:?}", what());
                        let _ = streamed();
                        let _ = get();
                    }
                    chain.ill.end(Ending::Well);
                    ensure!(read()? == chain.data, "{}: read afterwards", what());
                    ensure!(streamed()? == chain.data, "{}: streamed afterwards", what());
                    ensure!(get()? == chain.data, "{}: got afterwards", what());
                }
            }
        }
    }
    Ok(())
}

/// One decorator over an ill store, and what it can keep.
struct Chain {
    ill: Ill,
    bases: HashMap<String, SharedStore>,
    node: Node,
    key: String,
    data: Vec<u8>,
    /// Whether another base has the object, too.
    has_other: bool,
    cache: Option<Arc<Memory>>,
}

impl Chain {
    fn new(entry: &Entry, size: usize, range: bool) -> Result<Self> {
        let shape = storage_core::chain::kind(entry.kind).context("a kind")?.base;
        let ill = Ill::new(range);
        let mut bases = HashMap::from([("ill".to_owned(), ill.shared())]);
        let mut names = vec!["ill".to_owned()];
        let other = Arc::new(Memory::new());
        if shape != BaseShape::One {
            names.push("other".to_owned());
            bases.insert("other".to_owned(), other.clone());
        }
        let node = Node {
            name: "store".to_owned(),
            kind: entry.kind.to_owned(),
            config: entry.config.to_owned(),
            bases: names.into_iter().map(Base::Name).collect(),
        };
        // What is JSON and text, too.
        let data = format!("\"{}\"", "a1\\n".repeat(size / 4)).into_bytes();
        let key = match entry.kind {
            "UrlValidatingStore" => "https://example.com/k".to_owned(),
            _ => format!("{}k", entry.dialect.key_prefix),
        };
        let has_other = shape == BaseShape::Many;
        let cache = (shape == BaseShape::MainAndCache).then_some(other);
        Ok(Self { ill, bases, node, key, data, has_other, cache })
    }

    fn forget(&self) {
        if let Some(cache) = &self.cache {
            let _ = block(cache.delete(&self.key, Default::default()));
        }
    }
}

/// The same in the sandbox, for whom bytes cross the wall.
#[test]
fn chains_in_the_sandbox_give_no_whole_object_of_it() -> Result<()> {
    let engine = storage_host::factory::engine()?;
    let kinds = ["IdentityStore", "GzipStore", "CachingStore", "LoggingStore"];
    for entry in entries()?.into_iter().filter(|entry| kinds.contains(&entry.kind)) {
        for ending in Ending::ILL {
            for size in CHAINED {
                let chain = Chain::new(entry, size, true)?;
                let open = || {
                    block(engine.chain(
                        vec![chain.node.clone()],
                        chain.bases.clone(),
                        Shared::silent(),
                    ))
                };
                let write = Objects::new("chain", Arc::new(open()?));
                let data = Bytes::from(chain.data.clone());
                block(write.put(&chain.key, data.clone(), PutOptions::default()))?;
                chain.forget();
                let objects = Objects::new("chain", Arc::new(open()?));
                chain.ill.end(ending);
                let what = || format!("{} {}, {ending:?}, {size}", entry.kind, entry.variant);
                let (memory, to) = empty();
                let (from, to) = (Side::new(objects.clone(), ""), Side::new(to, ""));
                for _ in 0..2 {
                    let what = Copy { from: from.clone(), to: to.clone(), overwrite: true };
                    let counts = block(copy(&what, &Control::default())).map_err(|e| e.cause)?;
                    ensure!(counts.failed.len() == 1, "{}: {counts:?}", entry.kind);
                    is_empty(&memory)?;
                }
                chain.ill.end(Ending::Well);
                let got = block(objects.get(&chain.key, ReadOptions::default(), u64::MAX));
                ensure!(got?.1 == data, "{}: afterwards", what());
            }
        }
    }
    Ok(())
}

#[test]
fn plug_ins_give_no_whole_object_of_it() -> Result<()> {
    for rules in ["nothing", "sealed", "runs", "backwards", "checked"] {
        let config = format!(r#"{{"as":"{rules}"}}"#);
        for size in CHAINED {
            for range in [true, false] {
                let ill = Ill::new(range);
                let store = block(transformers::open(&config, ill.shared()))?;
                let objects = Objects::new("plug-in", store);
                let data = Bytes::from(bytes(size, 6));
                block(objects.put("k", data.clone(), PutOptions::default()))?;
                for ending in Ending::ILL {
                    ill.end(ending);
                    let (memory, to) = empty();
                    let (from, to) = (Side::new(objects.clone(), ""), Side::new(to, ""));
                    let what = Relocate { from, to, overwrite: true };
                    let counts = block(relocate(&what, &Control::default()));
                    let counts = counts.map_err(|e| e.cause)?;
                    ensure!(counts.failed.len() == 1, "{rules}, {ending:?}, {size}: {counts:?}");
                    is_empty(&memory)?;
                    let got = block(objects.get("k", ReadOptions::default(), u64::MAX));
                    ensure!(got.is_err(), "{rules}, {ending:?}, {size}: it was got");
                }
                ill.end(Ending::Well);
                let got = block(objects.get("k", ReadOptions::default(), u64::MAX))?.1;
                ensure!(got == data, "{rules}, {size}: afterwards");
            }
        }
    }
    Ok(())
}

/// The endpoint over an ill store `ill` and a well one, `well`.
struct Endpoint {
    ill: Ill,
    well: Arc<Memory>,
    port: u16,
    staging: tempfile::TempDir,
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl Endpoint {
    /// For everybody.
    fn start() -> Result<Self> {
        let (ill, well) = (Ill::new(true), Arc::new(Memory::new()));
        let exposed = Exposed::Fixed(vec![
            ("ill".to_owned(), Objects::new("ill", ill.shared())),
            ("well".to_owned(), Objects::new("well", well.clone())),
        ]);
        Self::offering(exposed, Users::new(&[], Some(Scope::everything())), false, ill, well)
    }

    /// With owners and rights, in the ill store.
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
        let offer = Offer {
            exposed,
            cors: Vec::new(),
            users,
            acls,
            limits: Default::default(),
            tls: None,
            in_use: Arc::new(()),
        };
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (send, port) = std::sync::mpsc::channel();
        let path = staging.path().to_owned();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new()?;
            runtime.block_on(async {
                let server = Server::bind("127.0.0.1:0".parse()?, offer, &path).await?;
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

    /// Starts an upload of `well/k`, and gives its id.
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

/// The status of a GET, and the body if it is as long as its head says.
fn get(port: u16, path: &str, headers: &[(&str, &str)]) -> Result<(u16, Option<Vec<u8>>)> {
    let mut stream = http::open(port, "GET", path, headers, 0)?;
    let mut answer = Vec::new();
    // What was cut off may end in an error, too.
    let _ = stream.read_to_end(&mut answer);
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").context("no head")? + 4;
    let body = answer.split_off(end);
    let head = String::from_utf8(answer)?.to_ascii_lowercase();
    let status = head.split(' ').nth(1).context("a status")?.parse()?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.context("a length")?.parse()?;
    Ok((status, (body.len() == length).then_some(body)))
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
                    let (status, body) = get(at.port, "/ill/k", &headers)?;
                    match size {
                        3_000_000 => ensure!(body.is_none(), "GET {headers:?} is whole"),
                        // Nothing was sent yet.
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
            let (status, body) = get(at.port, "/ill/k", &[])?;
            ensure!((status, body) == (200, Some(data)), "afterwards: {status}");
        }
    }
    at.put("/ill/empty-k", &[], b"")?;
    at.ill.end(Ending::Fails);
    let (status, _) = get(at.port, "/ill/empty-k", &[])?;
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

/// The only part that waits.
fn part(staging: &Path) -> Result<std::path::PathBuf> {
    let mut todo = vec![staging.to_owned()];
    while let Some(path) = todo.pop() {
        for entry in std::fs::read_dir(path)? {
            let path = entry?.path();
            match path.is_dir() {
                true => todo.push(path),
                false if path.ends_with("lock") => {}
                false => return Ok(path),
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
            ensure!(status == 500, "{size} {change}: {status} {said}");
            is_empty(&at.well)?;
            http::request(at.port, "DELETE", &format!("/well/k?uploadId={id}"), &[], b"")?;
        }
    }
    Ok(())
}
