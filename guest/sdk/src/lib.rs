#![doc = include_str!("../README.md")]
#![expect(clippy::test_attr_in_doctest, reason = "a test of the workspace does the whole tutorial")]

mod decorator;
pub mod mock;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod pack;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod transform;
mod transformer;

pub use decorator::{Decorator, decorated};
pub use serde_json::Value as Json;
pub use storage_contract::env::{self, Env, RequestContext};
pub use storage_contract::kind::{Args, BaseShape, Keys, Kind, NO_CONFIG};
pub use storage_contract::*;
pub use transformer::{Behaviour, Data, KeyMap, Part, Transformer, Validation, config};

/// What is known of the request that the store works for: who asks, from where. A call of
/// a stream sees the context under which the stream was opened. In a unit test, it is what
/// [`mock::set_context`] set.
pub fn context() -> RequestContext {
    #[cfg(target_family = "wasm")]
    return pack::context();
    #[cfg(not(target_family = "wasm"))]
    return mock::context();
}

/// Makes a component of the world `decorator-pack` from store types: a `&'static
/// [&'static Kind]`. Call it once in a crate of type `cdylib`. Does nothing if the
/// target is not WebAssembly.
///
/// ```
/// use storage_plugin::{BaseShape, Keys, Kind, NO_CONFIG};
///
/// static NOTHING: Kind = Kind {
///     name: "NothingStore",
///     aliases: &[],
///     base: BaseShape::One,
///     keys: Keys::Same,
///     config_schema: NO_CONFIG,
///     doc: "Does nothing",
///     build: |args| Ok(args.base()),
/// };
///
/// storage_plugin::pack!(&[&NOTHING]);
/// ```
#[macro_export]
macro_rules! pack {
    ($kinds:expr) => {
        const _: () = {
            static KINDS: &[&$crate::Kind] = $kinds;

            #[cfg(target_family = "wasm")]
            const _: () = {
                struct Kinds;

                impl $crate::pack::Kinds for Kinds {
                    fn kinds() -> &'static [&'static $crate::Kind] {
                        KINDS
                    }
                }

                type Pack = $crate::pack::Pack<Kinds>;
        $crate::pack::bindings::export!(Pack with_types_in $crate::pack::bindings);
            };

            // Only the component uses them.
            #[cfg(not(target_family = "wasm"))]
            const _: fn() = || {
                let _ = KINDS;
            };
        };
    };
}

/// Makes a component of the world `transformer` from a type that implements
/// [`Transformer`]. Call it once in a crate of type `cdylib`. Does nothing if the
/// target is not WebAssembly.
///
/// ```
/// use storage_plugin::{Behaviour, Json, Result, Transformer};
///
/// struct Nothing;
///
/// impl Transformer for Nothing {
///     const NAME: &str = "NothingStore";
///     const DOC: &str = "Does nothing";
///
///     fn configure(_: Json) -> Result<Self> {
///         Ok(Nothing)
///     }
///
///     fn behaviour(&self) -> Behaviour {
///         Behaviour::default()
///     }
/// }
///
/// storage_plugin::transformer!(Nothing);
/// ```
#[macro_export]
macro_rules! transformer {
    ($transformer:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            type Shell = $crate::transform::Shell<$transformer>;
    $crate::transform::bindings::export!(Shell with_types_in $crate::transform::bindings);
        };

        // Only the component uses it.
        #[cfg(not(target_family = "wasm"))]
        const _: fn($crate::Json) -> $crate::Result<$transformer> =
            <$transformer as $crate::Transformer>::configure;
    };
}
