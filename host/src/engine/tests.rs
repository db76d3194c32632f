use super::*;
#[test]
fn the_component_describes_its_store_types() {
    let t = std::time::Instant::now();
    let engine = Engine::new().unwrap();
    eprintln!("start {:?}", t.elapsed());
    let kinds = engine.kinds().unwrap();
    eprintln!("kinds {:?}", t.elapsed());
    let native: Vec<_> = storage_core::decorators::KINDS.iter().map(|k| k.name).collect();
    assert_eq!(kinds.iter().map(|k| k.name.as_str()).collect::<Vec<_>>(), native);
}
