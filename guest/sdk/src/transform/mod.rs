//! Wraps a [`Transformer`] as a component of the world `transformer`. Used through
//! [`transformer!`](crate::transformer!).

pub mod bindings;

use crate::pack::convert;
use crate::transformer::{Data, KeyMap, Part, Transformer, Validation};
use bindings::exports::storage::object_store::transform as wit;
use std::any::Any;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;
use storage_contract::{Error, Result};

thread_local! {
    static CONFIGURED: RefCell<Option<Rc<dyn Any>>> = RefCell::default();
}

/// A transformer as a component.
pub struct Shell<T>(PhantomData<T>);

fn with<T: Transformer, R>(call: impl FnOnce(&T) -> Result<R>) -> Result<R, wit::Error> {
    let configured = CONFIGURED.with_borrow(Clone::clone);
    match configured.as_deref().and_then(<dyn Any>::downcast_ref) {
        Some(transformer) => call(transformer),
        None => Err(Error::Other("it was not configured".to_owned())),
    }
    .map_err(convert::error_out)
}

fn part(part: wit::Part) -> Part {
    Part { key: part.key, object: part.object, index: part.index, last: part.last }
}

impl<T: Transformer> wit::Guest for Shell<T> {
    fn describe() -> wit::Description {
        wit::Description {
            name: T::NAME.to_owned(),
            doc: T::DOC.to_owned(),
            config_schema: T::CONFIG_SCHEMA.map(str::to_owned),
        }
    }

    fn configure(config: String) -> Result<wit::Behaviour, wit::Error> {
        let configured = serde_json::from_str(&config)
            .map_err(|error| Error::InvalidConfig(format!("the config is not JSON: {error}")))
            .and_then(T::configure)
            .map_err(convert::error_out)?;
        let behaviour = configured.behaviour();
        CONFIGURED.set(Some(Rc::new(configured)));
        Ok(wit::Behaviour {
            data: match behaviour.data {
                Data::Unchanged => wit::Data::Unchanged,
                Data::Whole { max_size, reversible } => {
                    wit::Data::Whole(wit::Whole { max_size, reversible })
                }
                Data::Chunked { chunk_size, overhead } => {
                    wit::Data::Chunked(wit::Chunked { chunk_size, overhead })
                }
            },
            keys: behaviour.keys.map(|KeyMap { keeps_order, keeps_prefixes }| wit::KeyMap {
                keeps_order,
                keeps_prefixes,
            }),
            validation: match behaviour.validation {
                Validation::Nothing => wit::Validation::Nothing,
                Validation::Keys => wit::Validation::Keys,
                Validation::Objects(most) => wit::Validation::Objects(most),
            },
        })
    }

    fn encode(of: wit::Part, data: Vec<u8>) -> Result<Vec<u8>, wit::Error> {
        with::<T, _>(|transformer| transformer.encode(&part(of), data))
    }

    fn decode(of: wit::Part, data: Vec<u8>) -> Result<Vec<u8>, wit::Error> {
        with::<T, _>(|transformer| transformer.decode(&part(of), data))
    }

    fn map_key(key: String) -> Result<String, wit::Error> {
        with::<T, _>(|transformer| transformer.map_key(&key))
    }

    fn unmap_key(base_key: String) -> Result<Option<String>, wit::Error> {
        with::<T, _>(|transformer| transformer.unmap_key(&base_key))
    }

    fn validate(key: String, data: Option<Vec<u8>>) -> Result<(), wit::Error> {
        with::<T, _>(|transformer| transformer.validate(&key, data.as_deref()))
    }
}
