//! The component's exports: a pack with one kind of store, the transformer's.

use crate::bindings::exports::storage::object_store::{decorators, object_store};
use crate::bindings::storage::object_store::{transform, types as wit};
use crate::functions::Functions;
use crate::store::{Reading, Stored, Writing};
use crate::{base, convert};
use std::cell::RefCell;
use std::rc::Rc;
use storage_contract::SharedStore;
use storage_contract::kind::NO_CONFIG;
use storage_core::transforming;

thread_local! {
    static BUILT: RefCell<Option<(String, SharedStore)>> = const { RefCell::new(None) };
}

/// The component.
struct Pack;

#[expect(unsafe_code, reason = "generated from wit/: lists and resources pass through memory")]
const _: () = {
    crate::bindings::export!(Pack with_types_in crate::bindings);
};

impl decorators::Guest for Pack {
    fn kinds() -> Vec<decorators::Kind> {
        let transform::Description { name, doc, config_schema } = transform::describe();
        vec![decorators::Kind {
            name,
            aliases: Vec::new(),
            base: decorators::BaseShape::One,
            config_schema: config_schema.unwrap_or_else(|| NO_CONFIG.to_owned()),
            doc,
        }]
    }

    fn build(nodes: Vec<decorators::Node>) -> Result<object_store::Store, wit::Error> {
        let invalid = |text: &str| Err(wit::Error::InvalidConfig(text.to_owned()));
        let [node] = nodes.as_slice() else {
            return invalid("an instance of a transformer holds one store");
        };
        let [decorators::Base::Name(base)] = node.bases.as_slice() else {
            return invalid("a store of a transformer has one base, given by its name");
        };
        if BUILT.with_borrow(Option::is_some) {
            return invalid("an instance of a transformer is built once");
        }
        let config = if node.config.is_empty() { "{}" } else { node.config.as_str() };
        let base = base::open(base).map_err(convert::error_out)?;
        let store = transforming::build(
            &node.name,
            Functions,
            config,
            base,
            Rc::new(crate::functions::draw),
        )
        .map_err(convert::error_out)?;
        BUILT.set(Some((node.name.clone(), store.clone())));
        Ok(object_store::Store::new(Stored(store)))
    }
}

impl object_store::Guest for Pack {
    type Store = Stored;
    type Reader = Reading;
    type Writer = Writing;

    fn open(name: String) -> Result<object_store::Store, wit::Error> {
        let built = BUILT.with_borrow(|built| built.clone());
        built
            .filter(|(own, _)| *own == name)
            .map(|(_, store)| object_store::Store::new(Stored(store)))
            .ok_or(wit::Error::NotFound)
    }
}
