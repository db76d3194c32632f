//! Every file in `examples/` loads and works.

use anyhow::{Context, Result};
use std::path::Path;
use storage_host::{Error, StoreFactory};

/// The examples, each with an object that it accepts, or `None` if it accepts none.
const EXAMPLES: &[(&str, Option<(&str, &str)>)] = &[
    ("layout.yaml", Some(("a b/ü", "text"))),
    ("mirroring.yaml", Some(("key", "text"))),
    ("quickstart.yaml", Some(("key", "text"))),
    ("readonly.yaml", None),
    ("routing.yaml", Some(("logs/2026/one", "text"))),
    ("rules.yaml", Some(("key", "text"))),
    ("text.yaml", Some(("key", "[1, \"\\u00e9\"]"))),
];

#[test]
fn every_example_is_here() -> Result<()> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        files.extend(name.ends_with(".yaml").then_some(name));
    }
    files.sort();
    let names: Vec<_> = EXAMPLES.iter().map(|(name, _)| *name).collect();
    assert_eq!(files, names);
    Ok(())
}

#[test]
fn every_example_takes_an_object_and_gives_it_back_after_a_restart() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    for (name, object) in EXAMPLES {
        let data = tempfile::tempdir()?;
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name);
        let text = std::fs::read_to_string(&file)?;
        // The data goes to a directory of this test.
        let here = data.path().join("data").display().to_string();
        let copy = data.path().join(name);
        std::fs::write(&copy, text.replace("${STORAGE_DATA:-storage-data}", &here))?;
        runtime.block_on(works(&copy, *object)).with_context(|| (*name).to_owned())?;
    }
    Ok(())
}

async fn works(file: &Path, object: Option<(&str, &str)>) -> Result<()> {
    let factory = StoreFactory::from_yaml(file)?;
    let store = factory.build().await?;
    let Some((key, text)) = object else {
        let refused = store.put("k", "x".into(), Default::default()).await;
        assert!(matches!(refused, Err(Error::Unsupported(_))));
        let (_, data) = store.get("greeting", Default::default(), 100).await?;
        assert_eq!(data, "hello");
        return factory.close().await;
    };
    store.put(key, text.to_owned().into(), Default::default()).await?;
    factory.close().await?;
    let kept = !std::fs::read_to_string(file)?.contains("DictStore");
    if kept {
        let factory = StoreFactory::from_yaml(file)?;
        let (_, data) = factory.build().await?.get(key, Default::default(), 100).await?;
        assert_eq!(data, text);
        factory.close().await?;
    }
    Ok(())
}
