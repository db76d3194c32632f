use super::*;
use crate::backends::memory::Memory;
use crate::store::{ObjectStore, PutOptions, ReadOptions};
use storage_core::chain::{Base, Node};

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

async fn chain(nodes: Vec<Node>, base: impl ObjectStore) -> Chain {
    let bases = HashMap::from([("memory".to_owned(), Arc::new(base) as SharedStore)]);
    crate::factory::engine().unwrap().chain(nodes, bases, Shared::silent()).await.unwrap()
}

#[test]
fn the_component_describes_its_store_types() {
    let kinds = crate::factory::engine().unwrap().kinds().unwrap();
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

#[tokio::test]
async fn many_streams_at_a_time_each_have_their_own_instance() {
    let chain = Arc::new(chain(identities(2), Memory::new()).await);
    let streams = (0..100).map(|i| {
        let chain = chain.clone();
        tokio::spawn(async move {
            let key = format!("key-{i}");
            let mut writer = chain.write(&key, PutOptions::default()).await?;
            for _ in 0..5 {
                writer.push(key.clone().into()).await?;
                tokio::task::yield_now().await;
            }
            writer.finish(Default::default()).await?;
            let (_, data) = chain.get(&key, ReadOptions::default()).await?;
            assert_eq!(data, key.repeat(5));
            Ok::<_, Error>(())
        })
    });
    for done in futures::future::join_all(streams).await {
        done.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_chain_that_cannot_be_built_says_which_store_and_why() {
    let mut nodes = identities(1);
    nodes[0].config = r#"{"levle": 3}"#.to_owned();
    nodes[0].kind = "NoSuchStore".to_owned();
    let engine = crate::factory::engine().unwrap();
    let bases = HashMap::from([("memory".to_owned(), Arc::new(Memory::new()) as SharedStore)]);
    let error = engine.chain(nodes, bases, Shared::silent()).await.err().unwrap();
    assert_eq!(
        error.to_string(),
        r#"invalid config: store "identity-0": there is no store type "NoSuchStore""#
    );
}
