use super::*;
use storage_plugin::RequestContext;
use storage_plugin::mock::{Base, Surroundings};

#[test]
fn the_longest_prefix_decides_who_may_write_and_delete() {
    let (around, base) = (Rc::new(Surroundings::default()), Base::default());
    let config = serde_json::json!({"allow": [
        {"prefix": "", "principals": ["root"]},
        {"prefix": "team/", "principals": ["ada", "bob"]},
        {"prefix": "team/ada/", "principals": ["ada"]},
    ]});
    let store = around.build(&PRINCIPALS, &config, &[&base]).unwrap();
    let may = |principal: Option<&str>, key: &str| {
        let principal = principal.map(str::to_owned);
        around.set_context(RequestContext { principal, ..RequestContext::default() });
        let put = store.put(key, b"x", &PutOptions::default()).map(drop);
        let deleted = match store.delete(key, &DeleteOptions::default()) {
            Err(Error::NotFound) => Ok(()),
            deleted => deleted,
        };
        assert_eq!(put, deleted, "{key}");
        assert!(!matches!(put, Err(ref error) if !matches!(error, Error::PermissionDenied(_))));
        put.is_ok()
    };
    assert!(may(Some("root"), "k") && !may(Some("ada"), "k"));
    assert!(may(Some("ada"), "team/k") && may(Some("bob"), "team/k"));
    assert!(!may(Some("root"), "team/k"));
    assert!(may(Some("ada"), "team/ada/k") && !may(Some("bob"), "team/ada/k"));
    assert!(!may(None, "k"));
    base.hold("team/k", "x").unwrap();
    assert!(store.exists("team/k").unwrap());
}
