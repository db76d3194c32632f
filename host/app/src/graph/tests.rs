use super::*;

fn config() -> Config {
    let text = r#"
stores:
  disk: {type: SqliteStore, config: {db_path: "a <b> & \"c\"", durable: false}}
  zipped: {type: GzipStore, base: disk, config: {level: 9}}
  near: {type: DictStore}
  cached: {type: CachingStore, base: {main_store: zipped, cache_store: near}}
  look: {type: ReadonlyStore, base: zipped}
main: cached
"#;
    Config::parse(text, "stores.yaml", &crate::factory::types().unwrap(), &|_| None).unwrap()
}

#[test]
fn a_tree_draws_a_shared_store_once() {
    let wanted = "\
cached: CachingStore [main]
├─ main → zipped: GzipStore  (level: 9)
│  └─ disk: SqliteStore  (db_path: a <b> & \"c\", NOT DURABLE: a power cut may take what was acknowledged)
└─ cache → near: DictStore
look: ReadonlyStore
└─ zipped: GzipStore  (see above)
";
    assert_eq!(draw(&config(), Format::Tree), wanted);
}

#[test]
fn names_and_values_are_escaped() {
    assert!(draw(&config(), Format::Svg).contains("a &lt;b&gt; &amp; &quot;c&quot;"));
    assert!(draw(&config(), Format::Dot).contains("a <b> & \\\"c\\\""));
    assert!(draw(&config(), Format::Mermaid).contains("a #60;b#62; #38; #34;c#34;"));
}
