use super::*;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use storage_backends::memory::Memory;
use storage_contract::chain::{Base, Node};
use storage_contract::env::{Event, Level};
use storage_store::Objects;
use storage_store::request_context::{self, RequestContext, scope};
use storage_store::source::Ended;
use storage_store::{
    Access, Capabilities, DeleteOptions, ListOptions, ObjectInfo, ObjectStore, Page, PutOptions,
    ReadOptions, Reader, Result, SharedStore, Trailer, Writer,
};
use tokio::sync::Semaphore;

fn identities(count: u32) -> Vec<Node> {
    let node = |i: u32| Node {
        name: format!("identity-{i}"),
        kind: "IdentityStore".to_owned(),
        config: String::new(),
        bases: vec![match i {
            0 => Base::Name("memory".to_owned()),
            i => Base::Node(i - 1),
        }],
    };
    (0..count).map(node).collect()
}

/// A chain that does every operation in the sandbox.
async fn chain(nodes: Vec<Node>, base: impl ObjectStore) -> Chain {
    located(nodes, base).await.without_locating()
}

async fn located(nodes: Vec<Node>, base: impl ObjectStore) -> Chain {
    let bases = HashMap::from([("memory".to_owned(), Arc::new(base) as SharedStore)]);
    shared().unwrap().chain(nodes, bases, HostServices::silent()).await.unwrap()
}

#[test]
fn the_component_describes_its_store_types() {
    let kinds = shared().unwrap().kinds().unwrap();
    let native: Vec<_> = storage_core::decorators::KINDS.iter().map(|k| k.name).collect();
    assert_eq!(kinds.iter().map(|k| k.name.as_str()).collect::<Vec<_>>(), native);
}

#[tokio::test]
async fn bytes_go_through_a_chain_and_back() {
    let memory = Memory::new();
    let chain = chain(identities(5), memory.clone()).await;
    let put = chain.put("k", "hello".into(), PutOptions::default()).await.unwrap();
    let (info, data) = chain.get("k", ReadOptions::default()).await.unwrap();
    assert_eq!((info, &data[..]), (put, &b"hello"[..]));
    assert_eq!(memory.exists("k").await, Ok(true));
}

#[tokio::test]
async fn a_stream_dropped_in_the_middle_publishes_nothing_and_harms_nothing() {
    let memory = Memory::new();
    let chain = chain(identities(1), memory.clone()).await;
    let mut writer = chain.write("half", PutOptions::default()).await.unwrap();
    writer.push("half".into()).await.unwrap();
    drop(writer);
    assert_eq!(memory.exists("half").await, Ok(false));
    assert_eq!(chain.exists("half").await, Ok(false));
}

/// Enough streams that some share an instance.
const MANY: usize = 200;

#[tokio::test]
async fn many_streams_at_a_time_keep_their_bytes_apart() {
    let chain = chain(identities(2), Memory::new()).await;
    let mut writers = Vec::new();
    for _ in 0..MANY {
        writers.push(
            chain.write(&format!("key-{}", writers.len()), PutOptions::default()).await.unwrap(),
        );
    }
    for round in 0..5 {
        let pushes = writers.iter_mut().enumerate();
        let pushes = pushes.map(|(i, writer)| writer.push(format!("{i}:{round} ").into()));
        futures::future::try_join_all(pushes).await.unwrap();
    }
    let finished = writers.into_iter().map(|writer| writer.finish(Trailer::default()));
    futures::future::try_join_all(finished).await.unwrap();
    let mut readers = Vec::new();
    for i in 0..MANY {
        readers.push(chain.read(&format!("key-{i}"), ReadOptions::default()).await.unwrap());
    }
    for (i, reader) in readers.iter_mut().enumerate().rev() {
        let wanted: String = (0..5).map(|round| format!("{i}:{round} ")).collect();
        assert_eq!(reader.next(1000).await.unwrap(), wanted);
        assert_eq!(reader.next(1000).await.unwrap(), "");
    }
}

/// Remembers the key of each event, and the principal whom it is told of.
#[derive(Default)]
struct Told(Mutex<Vec<(String, Option<String>)>>);

impl Observer for Told {
    fn log(&self, _: Level, _: &str, _: &str) {}
    fn changed(&self, event: Event) {
        let principal = request_context::current().principal;
        self.0.lock().unwrap().push((event.key, principal));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_of_two_users_at_a_time_see_their_own_context() {
    let of = |user: &str| RequestContext {
        principal: Some(user.to_owned()),
        ..RequestContext::default()
    };
    let node = Node { kind: "NotifyingStore".to_owned(), ..identities(1).remove(0) };
    let bases = HashMap::from([("memory".to_owned(), Arc::new(Memory::new()) as SharedStore)]);
    let told = Arc::new(Told::default());
    let shared = HostServices { observer: told.clone(), ..HostServices::silent() };
    let engine = crate::shared().unwrap();
    let chain = Arc::new(engine.chain(vec![node], bases, shared).await.unwrap());
    let tasks = (0..2 * MANY).map(|number| {
        let (chain, user) = (chain.clone(), ["ada", "bob"][number % 2]);
        tokio::spawn(async move {
            let key = format!("{user}/{number}");
            let opened = scope(of(user), async {
                chain.put(&key, "x".into(), PutOptions::default()).await.unwrap();
                tokio::task::yield_now().await;
                chain.write(&key, PutOptions::default()).await.unwrap()
            });
            (opened.await, user)
        })
    });
    let opened = futures::future::try_join_all(tasks).await.unwrap();
    // Ended by others, and in nobody's name.
    for (number, (mut writer, user)) in opened.into_iter().enumerate() {
        let end = async {
            writer.push("y".into()).await.unwrap();
            writer.finish(Trailer::default()).await.unwrap()
        };
        match number % 3 {
            0 => drop(end.await),
            _ => drop(scope(of(if user == "ada" { "bob" } else { "ada" }), end).await),
        }
    }
    chain.delete("nobody/", DeleteOptions::default()).await.unwrap_err();
    let told = told.0.lock().unwrap();
    assert_eq!(told.len(), 4 * MANY + 1);
    for (key, principal) in told.iter() {
        let (user, _) = key.split_once('/').unwrap();
        assert_eq!(principal.as_deref(), Some(user).filter(|user| *user != "nobody"), "{key}");
    }
}

#[tokio::test]
async fn streams_given_up_in_a_call_harm_no_other_and_leave_nothing_open() {
    let base = Gated::default();
    let chain = Arc::new(chain(identities(1), base.clone()).await);
    let mut writers = Vec::new();
    for _ in 0..MANY {
        writers.push(chain.write("a", PutOptions::default()).await.unwrap());
    }
    // One stream is abandoned while it opens, one while it writes.
    let opening = tokio::spawn({
        let chain = chain.clone();
        async move { chain.write("gated", PutOptions::default()).await.map(drop) }
    });
    base.reached.acquire().await.unwrap().forget();
    let mut last = writers.pop().unwrap();
    let pushing = tokio::spawn(async move { last.push("gated".into()).await });
    base.reached.acquire().await.unwrap().forget();
    opening.abort();
    pushing.abort();
    assert!(opening.await.unwrap_err().is_cancelled() && pushing.await.unwrap_err().is_cancelled());
    base.go_on.add_permits(2);

    let pushes = writers.iter_mut().map(|writer| writer.push("b".into()));
    futures::future::try_join_all(pushes).await.unwrap();
    // Abandoned streams are closed in turn.
    while base.open.load(Ordering::Relaxed) > writers.len() {
        tokio::task::yield_now().await;
    }
    let finished = writers.into_iter().map(|writer| writer.finish(Trailer::default()));
    futures::future::try_join_all(finished).await.unwrap();
    assert_eq!(base.open.load(Ordering::Relaxed), 0);
    assert_eq!(base.memory.exists("gated").await, Ok(false));
}

/// A store that blocks on keys named `gated`.
#[derive(Clone)]
struct Gated {
    memory: Memory,
    /// Counts calls that wait at the gate.
    reached: Arc<Semaphore>,
    go_on: Arc<Semaphore>,
    /// Open writers.
    open: Arc<AtomicUsize>,
    /// How often it was asked where an object is.
    located: Arc<AtomicUsize>,
}

impl Default for Gated {
    fn default() -> Self {
        let gate = || Arc::new(Semaphore::new(0));
        Self {
            memory: Memory::new(),
            reached: gate(),
            go_on: gate(),
            open: Arc::default(),
            located: Arc::default(),
        }
    }
}

impl Gated {
    async fn pass(&self, what: &[u8]) {
        if what == b"gated" {
            self.reached.add_permits(1);
            self.go_on.acquire().await.unwrap().forget();
        }
    }
}

#[async_trait::async_trait]
impl ObjectStore for Gated {
    fn capabilities(&self) -> Capabilities {
        self.memory.capabilities()
    }
    async fn get(&self, key: &str, options: ReadOptions) -> Result<(ObjectInfo, Bytes)> {
        self.memory.get(key, options).await
    }
    async fn put(&self, key: &str, data: Bytes, options: PutOptions) -> Result<ObjectInfo> {
        self.memory.put(key, data, options).await
    }
    async fn exists(&self, key: &str) -> Result<bool> {
        self.memory.exists(key).await
    }
    async fn delete(&self, key: &str, options: DeleteOptions) -> Result<()> {
        self.memory.delete(key, options).await
    }
    async fn stat(&self, key: &str) -> Result<ObjectInfo> {
        self.memory.stat(key).await
    }
    async fn list(&self, options: ListOptions) -> Result<Page> {
        self.memory.list(options).await
    }
    async fn read(&self, key: &str, options: ReadOptions) -> Result<Box<dyn Reader>> {
        self.memory.read(key, options).await
    }
    async fn write(&self, key: &str, options: PutOptions) -> Result<Box<dyn Writer>> {
        self.pass(key.as_bytes()).await;
        let inner = self.memory.write(key, options).await?;
        self.open.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(GatedWriter { gate: self.clone(), inner: Some(inner) }))
    }
    async fn copy(
        &self,
        from: &str,
        etag: &str,
        to: &str,
        options: PutOptions,
    ) -> Result<Option<ObjectInfo>> {
        self.memory.copy(from, etag, to, options).await
    }
    async fn locate(&self, _: &str, _: Access) -> Result<Option<(SharedStore, String)>> {
        self.located.fetch_add(1, Ordering::Relaxed);
        Ok(None)
    }
    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

struct GatedWriter {
    gate: Gated,
    inner: Option<Box<dyn Writer>>,
}

#[async_trait::async_trait]
impl Writer for GatedWriter {
    async fn push(&mut self, chunk: Bytes) -> Result<()> {
        self.gate.pass(&chunk).await;
        self.inner.as_mut().unwrap().push(chunk).await
    }
    async fn finish(mut self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        self.inner.take().unwrap().finish(trailer).await
    }
}

impl Drop for GatedWriter {
    fn drop(&mut self) {
        self.gate.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_chain_that_cannot_be_built_says_which_store_and_why() {
    let mut nodes = identities(1);
    nodes[0].config = r#"{"levle": 3}"#.to_owned();
    nodes[0].kind = "NoSuchStore".to_owned();
    let engine = shared().unwrap();
    let bases = HashMap::from([("memory".to_owned(), Arc::new(Memory::new()) as SharedStore)]);
    let error = engine.chain(nodes, bases, HostServices::silent()).await.err().unwrap();
    assert_eq!(
        error.to_string(),
        r#"invalid config: store "identity-0": there is no store type "NoSuchStore""#
    );
}

#[tokio::test]
async fn objects_of_a_chain_that_leaves_them_alone_are_copied_beneath_it() {
    let over = |kind: &str, config: &str| {
        let (mut nodes, memory) = (identities(2), Memory::new());
        nodes[0].kind = kind.to_owned();
        nodes[0].config = config.to_owned();
        async move {
            let chain = located(nodes, memory.clone()).await;
            (storage_store::Objects::new("chain", Arc::new(chain)), memory)
        }
    };
    for (kind, config) in [
        ("IdentityStore", "{}"),
        ("PrefixStore", r#"{"prefix": "a/"}"#),
        ("HashPrefixStore", r#"{"hash_length": 3}"#),
        ("UrlEncodingStore", "{}"),
        ("RegexRoutingStore", r#"{"routes": [{"pattern": "ü", "prefix": "x/"}]}"#),
        ("RegexValidatingStore", r#"{"pattern": "ü"}"#),
    ] {
        let (store, memory) = over(kind, config).await;
        let info = store.put("ü 1", "bytes".into(), PutOptions::default()).await.unwrap();
        let located = store.locate_copy("ü 1", &store, "ü/2").await.unwrap();
        let copied = located.copy(&info, PutOptions::default()).await;
        assert!(matches!(copied, Ok(Some(_))), "{kind}: {copied:?}");
        let got = store.get("ü/2", ReadOptions::default(), 100).await.unwrap().1;
        assert_eq!(got, "bytes", "{kind}");
        assert_eq!(memory.list(ListOptions::default()).await.unwrap().entries.len(), 2);
    }
    for kind in ["GzipStore", "LoggingStore", "ReadonlyStore"] {
        let (store, memory) = over(kind, "{}").await;
        memory.put("k", "bytes".into(), PutOptions::default()).await.unwrap();
        let info = memory.stat("k").await.unwrap();
        let located = store.locate_copy("k", &store, "l").await;
        // What only writes through the chain is copied by nobody else.
        if let Some(located) = located {
            assert_eq!(located.copy(&info, PutOptions::default()).await, Ok(None), "{kind}");
        }
        assert!(!memory.exists("l").await.unwrap(), "{kind}");
    }
}

#[tokio::test]
async fn a_reader_of_a_cache_that_stops_early_keeps_nobody_from_making_a_copy() {
    let (main, cache) = (Memory::new(), Memory::new());
    let data = Bytes::from(vec![7; 3_000_000]);
    main.put("k", data.clone(), PutOptions::default()).await.unwrap();
    let bases = [("main", main), ("cache", cache.clone())];
    let bases = bases.map(|(name, base)| (name.to_owned(), Arc::new(base) as SharedStore));
    let node = Node {
        name: "cached".to_owned(),
        kind: "CachingStore".to_owned(),
        config: String::new(),
        bases: ["main", "cache"].map(|name| Base::Name(name.to_owned())).into(),
    };
    let engine = shared().unwrap();
    let chain =
        engine.chain(vec![node], HashMap::from(bases), HostServices::silent()).await.unwrap();
    let store = Objects::new("cached", Arc::new(chain));
    let mut reader = store.store().read("k", ReadOptions::default()).await.unwrap();
    assert!(!reader.next(1_000).await.unwrap().is_empty());
    drop(reader);
    // What it left is given up in a task.
    let copied = async {
        while !cache.exists("k").await.unwrap() {
            store.get("k", ReadOptions::default(), u64::MAX).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), copied).await.unwrap();
}

#[tokio::test]
async fn both_sides_of_a_copy_are_located_once() {
    let base = Gated::default();
    let chain = located(identities(2), base.clone()).await;
    let store = Objects::new("chain", Arc::new(chain));
    let info = store.put("k", "bytes".into(), PutOptions::default()).await.unwrap();
    base.located.store(0, Ordering::Relaxed);
    let found = store.locate_copy("k", &store, "l").await.unwrap();
    assert!(found.copy(&info, PutOptions::default()).await.unwrap().is_some());
    assert_eq!(base.located.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_chain_refuses_itself_what_it_does_not_offer() {
    let (mut nodes, memory) = (identities(1), Memory::new());
    nodes[0].kind = "WriteonlyStore".to_owned();
    let base = Arc::new(memory.clone()) as SharedStore;
    let bases = HashMap::from([("memory".to_owned(), base.clone())]);
    let chain = shared().unwrap().chain(nodes, bases, HostServices::silent()).await.unwrap();
    // Its base would take them.
    let options = PutOptions { if_absent: true, ..PutOptions::default() };
    let refused =
        storage_store::Error::Unsupported("the store is write-only: no conditions".to_owned());
    assert_eq!(chain.put("k", "new".into(), options.clone()).await, Err(refused.clone()));
    assert_eq!(chain.write("k", options).await.err(), Some(refused.clone()));
    let written = chain.put("k", "new".into(), PutOptions::default()).await.unwrap();
    let options = DeleteOptions { if_match: written.etag.clone() };
    assert_eq!(chain.delete("k", options).await, Err(refused));
    let store = storage_store::Objects::new("chain", Arc::new(chain));
    let source = storage_store::Objects::new("memory", base);
    let options = PutOptions { if_absent: true, ..PutOptions::default() };
    let located = source.locate_copy("k", &store, "l").await.unwrap();
    assert_eq!(located.copy(&written, options).await, Ok(None));
    assert_eq!(memory.exists("l").await, Ok(false));
    assert!(located.copy(&written, PutOptions::default()).await.unwrap().is_some());
}

#[tokio::test]
async fn objects_that_a_chain_leaves_alone_need_no_instance() {
    let chain = located(identities(2), Memory::new()).await;
    chain.put("k", "bytes".into(), PutOptions::default()).await.unwrap();
    let mut readers = Vec::new();
    // More streams than there are instances.
    for _ in 0..1_000 {
        readers.push(chain.read("k", ReadOptions::default()).await.unwrap());
    }
    assert_eq!(readers[999].next(100).await.unwrap(), "bytes");
}

#[test]
fn others_go_on_while_a_large_object_is_compressed() {
    offload_compute();
    // The call shares its only worker thread with the other tasks, unless it offloads.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let others = Arc::new(AtomicU64::new(0));
    let counted = others.clone();
    runtime.spawn(async move {
        loop {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    let large = Bytes::from_iter((0..4_000_000_u64).map(|i| ((i * i) >> 7) as u8));
    let work = async move {
        let mut nodes = identities(1);
        nodes[0].kind = "GzipStore".to_owned();
        let chain = chain(nodes, Memory::new()).await;
        let mut meanwhile = Vec::new();
        let mut begun = others.load(Ordering::Relaxed);
        let mut ended = || {
            let now = others.load(Ordering::Relaxed);
            meanwhile.push(now - std::mem::replace(&mut begun, now));
        };
        chain.put("k", large.clone(), PutOptions::default()).await.unwrap();
        ended();
        let got = chain.get("k", ReadOptions::default()).await.unwrap().1;
        ended();
        assert_eq!(got, large);
        meanwhile
    };
    // Yielding alone would give a few, one per yield.
    let meanwhile = runtime.block_on(runtime.spawn(work)).unwrap();
    assert!(meanwhile.iter().all(|count| *count > 100), "{meanwhile:?}");
    runtime.shutdown_background();
}

#[tokio::test]
async fn objects_come_whole_whatever_the_size_of_the_one_before() {
    // A chain returns no more than one call can carry.
    let engine = shared().unwrap();
    let node = storage_contract::chain::Node {
        name: "main".to_owned(),
        kind: "IdentityStore".to_owned(),
        config: String::new(),
        bases: vec![storage_contract::chain::Base::Name("memory".to_owned())],
    };
    let bases =
        [("memory".to_owned(), Arc::new(Memory::new()) as SharedStore)].into_iter().collect();
    let chain = engine.chain(vec![node], bases, HostServices::silent()).await;
    let objects = Objects::new("main", Arc::new(chain.unwrap()));
    let of = |size: usize| Bytes::from_iter((0..size).map(|at| (at % 251) as u8));
    let large = usize::try_from(storage_store::MAX_INLINE_BYTES).unwrap() + 1;
    for size in [1000, large, large + 1, 1000, 1000] {
        let data = of(size);
        let mut upload = objects.write("k", PutOptions::default()).await.unwrap();
        upload.push(data.clone()).await.unwrap();
        upload.finish(Ended::own(data.len() as u64)).await.unwrap();
        let (info, got) = objects.get("k", ReadOptions::default(), u64::MAX).await.unwrap();
        assert_eq!((info.size, &got), (Some(size as u64), &data));
    }
}
