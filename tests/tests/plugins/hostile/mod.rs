//! A malicious plug-in: callers get an error that names it, in bounded time, and
//! everybody else is served.

mod loading;

use anyhow::{Context, Result, ensure};
use futures::TryStreamExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use storage_host::source::Ended;
use storage_host::store::{Error, ListOptions, MAX_INLINE_BYTES, ReadOptions, SharedStore};
use storage_host::{Objects, StoreFactory};
use storage_tests::guests::HOSTILE;
use storage_tests::http;
use storage_tests::server::Server;
use tempfile::TempDir;

/// Far beyond every limit of the plug-ins here.
const PATIENCE: Duration = Duration::from_secs(60);

const LIMITS: &str =
    "{memory: 64MiB, call_timeout: 2s, cpu_time: 300ms, instances: 4, object_size: 1MiB}";

/// A configuration with a malicious plug-in and an unrelated store.
struct Host {
    factory: StoreFactory,
    bad: Objects,
    other: Objects,
    _directory: TempDir,
}

fn yaml(at: &str, harm: &str) -> String {
    format!(
        "
plugins:
  hostile: {{component: hostile.wasm, limits: {LIMITS}}}
stores:
  memory: {{type: DictStore, config: {{objects: {{good: good bytes, bad: bad bytes}}}}}}
  bad: {{type: hostile/HostileStore, base: memory, config: {{at: {at}, do: {harm}}}}}
  calm: {{type: DictStore, config: {{objects: {{key: value}}}}}}
  other: {{type: IdentityStore, base: calm}}
  told: {{type: hostile/Bad, base: calm}}
main: bad
"
    )
}

fn directory(component: &[u8], yaml: &str) -> Result<TempDir> {
    let directory = tempfile::tempdir()?;
    std::fs::write(directory.path().join("hostile.wasm"), component)?;
    std::fs::write(directory.path().join("stores.yaml"), yaml)?;
    Ok(directory)
}

async fn host(at: &str, harm: &str) -> Result<Host> {
    let directory = directory(&HOSTILE.component()?, &yaml(at, harm))?;
    let factory = StoreFactory::from_yaml(directory.path().join("stores.yaml"))?;
    let other = factory.open("other").await?;
    let bad = factory.open("bad").await?;
    Ok(Host { factory, bad, other, _directory: directory })
}

/// Awaits an attack while measuring the latency of another store.
async fn beside<T>(what: &str, other: &Objects, attack: impl Future<Output = T>) -> Result<T> {
    let over = Arc::new(AtomicBool::new(false));
    let watch = tokio::spawn({
        let (over, other) = (over.clone(), other.clone());
        async move {
            let mut taken = Vec::new();
            while !over.load(Ordering::Relaxed) || taken.is_empty() {
                let start = Instant::now();
                other.get("key", ReadOptions::default(), 100).await?;
                taken.push(start.elapsed());
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Ok::<_, Error>(taken)
        }
    });
    let start = Instant::now();
    let answer = tokio::time::timeout(PATIENCE, attack).await;
    let lasted = start.elapsed();
    over.store(true, Ordering::Relaxed);
    let mut taken = tokio::time::timeout(PATIENCE, watch).await???;
    taken.sort();
    let (middle, most) = (taken[taken.len() / 2], taken[taken.len() - 1]);
    println!(
        "{what:28} answered after {lasted:>9.1?}; beside it {:5} gets: median {middle:.1?}, most {most:.1?}",
        taken.len()
    );
    answer.with_context(|| format!("{what}: no answer"))
}

/// One operation on the key `bad`.
async fn operate(store: &SharedStore, at: &str) -> Result<Vec<u8>, Error> {
    let all = ReadOptions::default;
    match at {
        "get" => store.get("bad", all()).await.map(|(_, data)| data.to_vec()),
        "put" => store.put("bad-new", "x".into(), Default::default()).await.map(|_| Vec::new()),
        "exists" | "locate" => store.exists("bad").await.map(|_| Vec::new()),
        "delete" => store.delete("bad", Default::default()).await.map(|()| Vec::new()),
        "stat" => store.stat("bad").await.map(|_| Vec::new()),
        "list" => {
            let options = ListOptions {
                prefix: "bad".to_owned(),
                start_after: Some("bad".to_owned()),
                limit: Some(10),
                ..ListOptions::default()
            };
            store.list(options).await.map(|_| Vec::new())
        }
        "read" | "next" => {
            let mut reader = store.read("bad", all()).await?;
            let mut data = Vec::new();
            loop {
                let chunk = match reader.next(1_000).await {
                    Ok(chunk) => chunk,
                    Err(error) => {
                        // Whoever asks again hears of it again.
                        let again = reader.next(1_000).await.err();
                        assert_eq!(again.as_ref(), Some(&error));
                        return Err(error);
                    }
                };
                if chunk.is_empty() {
                    return Ok(data);
                }
                data.extend_from_slice(&chunk);
            }
        }
        _ => {
            let mut writer = store.write("bad-new", Default::default()).await?;
            for _ in 0..3 {
                writer.push("chunk".into()).await?;
            }
            writer.finish(Default::default()).await.map(|_| Vec::new())
        }
    }
}

/// The attacks, each with the expected error code and a part of the message.
const ATTACKS: &[(&str, &str, &str, &str)] = &[
    ("get", "loop", "limit-exceeded", "300ms of processor time"),
    ("put", "loop", "limit-exceeded", "300ms of processor time"),
    ("exists", "loop", "limit-exceeded", "300ms of processor time"),
    ("delete", "loop", "limit-exceeded", "300ms of processor time"),
    ("stat", "loop", "limit-exceeded", "300ms of processor time"),
    ("list", "loop", "limit-exceeded", "300ms of processor time"),
    ("read", "loop", "limit-exceeded", "300ms of processor time"),
    ("next", "loop", "limit-exceeded", "300ms of processor time"),
    ("locate", "loop", "limit-exceeded", "300ms of processor time"),
    ("locate", "sleep", "limit-exceeded", "within 2s"),
    ("locate", "trap", "other", "unreachable"),
    ("locate", "foreign", "other", "located an object in a store that it was not given"),
    ("write", "loop", "limit-exceeded", "300ms of processor time"),
    ("push", "loop", "limit-exceeded", "300ms of processor time"),
    ("finish", "loop", "limit-exceeded", "300ms of processor time"),
    ("get", "recursion", "other", "call stack exhausted"),
    ("get", "memory", "limit-exceeded", "more than the 64 MiB of memory"),
    ("get", "base-handles", "other", "resource table has no free keys"),
    ("get", "own-handles", "other", "handle limit exceeded"),
    ("get", "locks", "other", "resource table has no free keys"),
    ("get", "lock-twice", "limit-exceeded", "within 2s"),
    ("get", "sleep", "limit-exceeded", "within 2s"),
    ("get", "trap", "other", "unreachable"),
    ("get", "panic", "other", "unreachable"),
    ("finish", "panic", "other", "unreachable"),
    ("get", "exit", "other", "exit"),
    ("get", "vast-list", "other", "fuel"),
    ("get", "vast-error", "other", "fuel"),
    ("get", "huge-list", "other", "broke the contract: it gave 9000000 bytes at once"),
    ("get", "longer", "other", "broke the contract: it gave 10 bytes"),
    ("get", "header", "other", "broke the contract: it gave an etag with control characters"),
    ("list", "many", "other", "broke the contract: it listed 5000 keys where 10"),
    ("list", "still", "other", "broke the contract: its listing does not get on"),
    ("next", "longer", "other", "asked for 1000 bytes and gave 1001"),
    ("next", "endless", "other", "more than the 9 bytes of the object"),
    ("next", "endless-unsized", "other", "more than 1 MiB, its limit object_size"),
    ("next", "short", "other", "ended after 0 of 9 bytes"),
    ("get", "network", "other", "which no plug-in is given"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_harm_ends_in_a_typed_error_that_names_the_plug_in_while_others_are_served()
-> Result<()> {
    for (at, harm, code, text) in ATTACKS {
        let what = format!("{harm} in {at}");
        let host = host(at, harm).await.context(what.clone())?;
        let store = host.bad.store().clone();
        let answer = beside(&what, &host.other, operate(&store, at)).await?;
        let error = answer.err().with_context(|| format!("{what} was not noticed"))?;
        ensure!(error.code() == *code, "{what}: {error:?}");
        let message = error.to_string();
        ensure!(message.contains(text), "{what}: {message}");
        ensure!(message.contains(r#"plug-in "hostile" of store "bad""#), "{what}: {message}");
        ensure!(message.len() < 1_000, "{what}: a message of {} bytes", message.len());
        // The instance is gone; another one serves harmless calls.
        let (_, data) = store.get("good", ReadOptions::default()).await?;
        ensure!(data == "good bytes", "{what}: {data:?}");
        let memory = host.factory.open("memory").await?;
        ensure!(!memory.store().exists("bad-new").await?, "{what} published something");
        let plugin = host.factory.plugins().next().context("no plug-in")?;
        let counts = plugin.counts();
        ensure!(counts.failures() == 1, "{what}: {counts:?}");
        ensure!(counts.instances >= 3, "{what}: {counts:?}");
        host.factory.close().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listing_of_nothing_but_further_pages_ends_for_all_who_follow_it() -> Result<()> {
    let stores = "
plugins:
  hostile: {component: hostile.wasm}
stores:
  memory: {type: DictStore, config: {objects: {good: good bytes}}}
  main: {type: hostile/HostileStore, base: memory, config: {at: list, do: onward}}
  identity: {type: IdentityStore, base: main}
  prefixed: {type: PrefixStore, base: main, config: {prefix: bad}}
  valid: {type: RegexValidatingStore, base: main, config: {pattern: b}}
  mirrored: {type: MirroringStore, base: [memory, main]}
  cached: {type: CachingStore, base: {main_store: memory, cache_store: prefixed}}
main: main";
    let directory = directory(&HOSTILE.component()?, stores)?;
    let factory = StoreFactory::from_yaml(directory.path().join("stores.yaml"))?;
    for name in ["main", "identity", "prefixed", "valid"] {
        let store = factory.open(name).await?;
        let prefix = if name == "prefixed" { "" } else { "bad" };
        let listed = store.entries(prefix).try_collect::<Vec<_>>().await;
        let error = listed.err().with_context(|| format!("{name}: the listing came to an end"))?;
        ensure!(error.to_string().contains("does not get on"), "{name}: {error}");
    }
    // A mirror skips such a child, as if it were down.
    let mirrored = factory.open("mirrored").await?.entries("bad").try_collect::<Vec<_>>().await?;
    ensure!(mirrored.is_empty(), "{mirrored:?}");
    let cached = factory.open("cached").await?;
    cached.get("good", ReadOptions::default(), 100).await?;
    factory.close().await?;

    let server = Server::start_anonymous_in(directory, stores)?;
    for query in ["list-type=2&prefix=bad", "prefix=bad&delimiter=/"] {
        let path = format!("/main?{query}");
        let (status, _, body) = http::request(server.port(), "GET", &path, &[], b"")?;
        let body = String::from_utf8_lossy(&body);
        ensure!(status >= 500, "{query}: {status} {body}");
    }
    server.stop()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_plug_in_may_do_it_can_do_and_no_more() -> Result<()> {
    // A plug-in may call its base while a reader of it is open.
    let host_ = host("next", "reentrant").await?;
    let data =
        beside("reentrant in next", &host_.other, operate(host_.bad.store(), "next")).await?;
    ensure!(data? == b"bad bytes");

    // A typed error keeps its type, but its message is bounded and on one line.
    for (harm, code, text) in [
        ("huge-error", "other", "xxxx…"),
        ("ugly-error", "other", "one\\ntwo\\u{1b}[2J"),
        ("long-lock", "limit-exceeded", "the name of what is shared"),
        ("shared-values", "limit-exceeded", "shared values have at most"),
        (
            "look",
            "other",
            "files 0, passwd false, written false, variables 0, arguments 0, stores 0, below a \
             millisecond 0",
        ),
    ] {
        let host = host("get", harm).await?;
        let answer = beside(harm, &host.other, operate(host.bad.store(), "get")).await?;
        let error = answer.err().with_context(|| format!("{harm} was not noticed"))?;
        ensure!(error.code() == code, "{harm}: {error:?}");
        let message = error.to_string();
        ensure!(message.contains(text) && message.len() < 3_000, "{harm}: {message}");
    }

    // Lines beyond the budget are dropped and counted.
    for harm in ["log-flood", "print-flood"] {
        let host = host("get", harm).await?;
        let _ = beside(harm, &host.other, operate(host.bad.store(), "get")).await?;
        let dropped = host.factory.plugins().map(|p| p.counts().dropped_lines).sum::<u64>();
        ensure!(dropped > 1_000, "{harm}: {dropped}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plug_in_that_keeps_failing_rests_and_its_other_stores_do_not() -> Result<()> {
    let host = host("get", "trap").await?;
    let store = host.bad.store().clone();
    for _ in 0..5 {
        let error = operate(&store, "get").await.err().context("no error")?;
        ensure!(error.code() == "other", "{error:?}");
    }
    let error = store.get("good", ReadOptions::default()).await.err().context("no rest")?;
    ensure!(error.code() == "unavailable", "{error:?}");
    let message = error.to_string();
    for text in [r#"plug-in "hostile" of store "bad""#, "rests until 2", "unreachable"] {
        ensure!(message.contains(text), "{message}");
    }
    let told = host.factory.open("told").await?;
    ensure!(told.get("key", ReadOptions::default(), 100).await?.1 == "value");
    let start = Instant::now();
    while store.get("good", ReadOptions::default()).await.is_err() {
        ensure!(start.elapsed() < PATIENCE, "it rests for ever");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let counts = host.factory.plugins().next().context("no plug-in")?.counts();
    ensure!(counts.crashes == 5 && counts.rests == 1 && counts.turned_away >= 1, "{counts:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_hang_hold_up_only_their_own_store_and_not_for_long() -> Result<()> {
    let host = host("get", "sleep").await?;
    let store = host.bad.store().clone();
    let calls = (0..12).map(|_| operate(&store, "get"));
    let answers = beside("12 sleeps in 4 instances", &host.other, futures::future::join_all(calls));
    for answer in answers.await? {
        let error = answer.err().context("a call that never ends succeeded")?;
        ensure!(["limit-exceeded", "unavailable"].contains(&error.code()), "{error:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loops_in_all_instances_leave_time_for_others() -> Result<()> {
    let host = host("get", "loop").await?;
    let store = host.bad.store().clone();
    let calls = (0..4).map(|_| operate(&store, "get"));
    let answers =
        beside("4 loops at a time", &host.other, futures::future::join_all(calls)).await?;
    ensure!(answers.iter().all(|answer| matches!(answer, Err(Error::LimitExceeded(_)))));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_given_up_takes_its_instance_with_it() -> Result<()> {
    let host = host("get", "sleep").await?;
    let store = host.bad.store().clone();
    let given_up = tokio::time::timeout(Duration::from_millis(50), operate(&store, "get")).await;
    ensure!(given_up.is_err());
    ensure!(store.get("good", ReadOptions::default()).await?.1 == "good bytes");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_build_that_does_harm_fails_to_open_and_says_why() -> Result<()> {
    for (at, harm, text) in [
        ("build", "loop", "300ms of processor time"),
        ("build", "sleep", "within 2s"),
        ("build", "panic", "unreachable"),
        ("build", "memory", "64 MiB of memory"),
        ("capabilities", "loop", "300ms of processor time"),
    ] {
        let directory = directory(&HOSTILE.component()?, &yaml(at, harm))?;
        let factory = StoreFactory::from_yaml(directory.path().join("stores.yaml"))?;
        let other = factory.open("other").await?;
        let opened = beside(&format!("{harm} in {at}"), &other, factory.open("bad")).await?;
        let error = format!("{:#}", opened.err().with_context(|| format!("{harm} in {at}"))?);
        ensure!(error.contains(text), "{error}");
        ensure!(error.contains(r#"plug-in "hostile" of store "bad""#), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn an_event_in_the_name_of_another_store_sets_off_none_of_its_handlers() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let heard = directory.path().join("events.jsonl");
    std::fs::write(directory.path().join("hostile.wasm"), HOSTILE.component()?)?;
    let yaml = format!(
        "
plugins:
  hostile: {{component: hostile.wasm}}
stores:
  memory: {{type: DictStore, config: {{objects: {{bad: bytes}}}}}}
  bad: {{type: hostile/HostileStore, base: memory, config: {{at: get, do: false-event}}}}
  told: {{type: NotifyingStore, base: bad, config: {{on_change: [{{file: {{path: {heard:?}}}}}]}}}}
main: told
"
    );
    std::fs::write(directory.path().join("stores.yaml"), yaml)?;
    let factory = StoreFactory::from_yaml(directory.path().join("stores.yaml"))?;
    let objects = factory.build().await?;
    objects.get("bad", ReadOptions::default(), 100).await?;
    objects.put("true", "x".into(), Default::default()).await?;
    factory.close().await?;
    let heard = std::fs::read_to_string(heard)?;
    ensure!(heard.contains("\"true\"") && !heard.contains("forged"), "{heard}");
    Ok(())
}

#[tokio::test]
async fn built_in_stores_and_plug_ins_stand_on_each_other() -> Result<()> {
    let yaml = "
plugins:
  hostile: {component: hostile.wasm}
stores:
  memory: {type: DictStore}
  hashed: {type: HashPrefixStore, base: memory}
  first: {type: hostile/HostileStore, base: hashed}
  packed: {type: GzipStore, base: first}
  second: {type: hostile/HostileStore, base: packed}
  mirror: {type: MirroringStore, base: [second, plain]}
  plain: {type: DictStore}
main: mirror
";
    let directory = directory(&HOSTILE.component()?, yaml)?;
    let factory = StoreFactory::from_yaml(directory.path().join("stores.yaml"))?;
    let objects = factory.build().await?;
    let data = vec![7; 3 * usize::try_from(MAX_INLINE_BYTES)?];
    let mut writer = objects.write("large", Default::default()).await?;
    for chunk in data.chunks(100_000) {
        writer.push(chunk.to_vec().into()).await?;
    }
    writer.finish(Ended::own(data.len() as u64)).await?;
    for name in ["mirror", "second", "packed", "first"] {
        let mut reader = factory.open(name).await?.read("large", Default::default()).await?;
        let mut read = 0;
        loop {
            let chunk = reader.next(65_536).await?;
            if chunk.is_empty() {
                break;
            }
            read += chunk.len();
        }
        ensure!(name == "first" || read == data.len(), "{name}: {read}");
        ensure!(name != "first" || read < data.len() / 10, "{name}: {read}");
    }
    factory.close().await?;
    Ok(())
}
