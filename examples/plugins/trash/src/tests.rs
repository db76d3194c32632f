use super::*;
use serde_json::{Value, json};
use storage_plugin::mock::{Base, Surroundings};

const TIME: u64 = 1_767_225_600_000;

struct Case {
    surroundings: Rc<Surroundings>,
    objects: Base,
    trash: Base,
    store: SharedStore,
}

fn case(config: Value) -> Case {
    let (objects, trash) = (Base::default(), Base::default());
    let surroundings = Rc::new(Surroundings::default());
    surroundings.set_time(TIME);
    let store = surroundings.build(&TRASH, &config, &[&objects, &trash]).unwrap();
    Case { surroundings, objects, trash, store }
}

fn put(store: &SharedStore, key: &str, data: &str) {
    store.put(key, data.as_bytes(), &PutOptions::default()).unwrap();
}

#[test]
fn a_deleted_object_is_in_the_trash_with_all_that_was_known_of_it() {
    let Case { objects, trash, store, .. } = case(json!({}));
    let options = PutOptions {
        content_type: Some("text/plain".to_owned()),
        metadata: vec![("by".to_owned(), "me".to_owned())],
        etag: Some("e".to_owned()),
        ..PutOptions::default()
    };
    store.put("a/b", b"text", &options).unwrap();
    store.delete("a/b", &DeleteOptions::default()).unwrap();
    assert_eq!(objects.keys(), Vec::<String>::new());
    assert_eq!(trash.keys(), ["2026-01-01T00-00-00-000Z/a/b"]);
    let (info, data) = trash.get(&trash.keys()[0], &ReadOptions::default()).unwrap();
    assert_eq!(data, b"text");
    assert_eq!((info.content_type, info.metadata), (options.content_type, options.metadata));
    assert_eq!(info.etag, options.etag);
}

#[test]
fn a_replaced_object_is_kept_unless_configured_otherwise() {
    for (config, kept) in [(json!({}), 1), (json!({"replaced": false}), 0)] {
        let Case { trash, store, .. } = case(config);
        put(&store, "key", "old");
        put(&store, "key", "new");
        assert_eq!(trash.keys().len(), kept);
    }
}

#[test]
fn two_losses_of_one_key_in_one_millisecond_are_two() {
    let Case { trash, store, .. } = case(json!({}));
    for data in ["1", "2", "3"] {
        put(&store, "key", data);
    }
    store.delete("key", &DeleteOptions::default()).unwrap();
    let kept: Vec<_> = trash.keys().iter().map(|key| trash.data(key).unwrap()).collect();
    assert_eq!(kept, [b"1", b"2", b"3"]);
}

#[test]
fn what_is_too_old_is_swept_by_the_next_loss() {
    let Case { surroundings, trash, store, .. } = case(json!({"days": 30}));
    for (day, key) in [(0, "first"), (1, "second"), (31, "third")] {
        surroundings.set_time(TIME + day * DAY + 1);
        put(&store, key, "text");
        store.delete(key, &DeleteOptions::default()).unwrap();
    }
    assert_eq!(trash.keys(), ["2026-01-02T00-00-00-001Z/second", "2026-02-01T00-00-00-001Z/third"]);
}

#[test]
fn nothing_is_deleted_when_it_can_not_be_kept() {
    let Case { objects, trash, store, .. } = case(json!({}));
    put(&store, "key", "text");
    trash.fail("finish", Error::Unavailable("no room".to_owned()));
    assert!(matches!(store.delete("key", &DeleteOptions::default()), Err(Error::Unavailable(_))));
    assert_eq!(objects.keys(), ["key"]);
}

#[test]
fn an_object_that_changes_meanwhile_is_kept_again() {
    let Case { objects, trash, store, .. } = case(json!({}));
    put(&store, "key", "text");
    objects.fail("delete", Error::PreconditionFailed);
    store.delete("key", &DeleteOptions::default()).unwrap();
    assert_eq!((objects.keys().len(), trash.keys().len()), (0, 2));
}

#[test]
fn a_missing_object_and_a_wrong_etag_are_what_they_always_are() {
    let Case { trash, store, .. } = case(json!({}));
    assert_eq!(store.delete("none", &DeleteOptions::default()), Err(Error::NotFound));
    put(&store, "key", "text");
    let other = DeleteOptions { if_match: Some("other".to_owned()) };
    assert_eq!(store.delete("key", &other), Err(Error::PreconditionFailed));
    assert_eq!(trash.keys().len(), 0);
}

#[test]
fn a_trash_out_of_order_can_not_be_swept_and_one_base_is_too_few() {
    let (objects, trash) = (Base::default(), Base::default());
    trash.declare(storage_plugin::Capabilities { ordered: false, ..trash.capabilities() });
    let built = storage_plugin::mock::build(&TRASH, &json!({"days": 1}), &[&objects, &trash]);
    assert!(matches!(built.err(), Some(Error::InvalidConfig(m)) if m.contains("`days`")));
    let built = storage_plugin::mock::build(&TRASH, &json!({}), &[&objects]);
    assert!(matches!(built.err(), Some(Error::InvalidConfig(m)) if m.contains("two")));
}
