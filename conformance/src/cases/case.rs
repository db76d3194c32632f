//! One requirement, and the macro that declares them.

use crate::subject::Subject;
use storage_contract::types::Capabilities;

/// One requirement for stores.
pub struct Case {
    /// `test_<operation>_<condition>`.
    pub name: &'static str,
    /// Whether the case applies, given the capabilities of the store and of
    /// [`Subject::beside`].
    pub applies: fn(Capabilities, Capabilities) -> bool,
    /// Returns an error that says what was wrong.
    pub run: fn(&Subject) -> anyhow::Result<()>,
}

/// Whether all named capabilities are present: those of the store and, after a
/// semicolon, those of [`Subject::beside`].
macro_rules! needs {
    ($caps:ident, $beside:ident, [$($need:ident),* $(; $($other:ident),*)?]) => {{
        let _ = $beside;
        true $(&& $caps.$need)* $($(&& $beside.$other)*)?
    }};
}
pub(super) use needs;

/// Declares functions as cases that need the given capabilities.
macro_rules! cases {
    ($($needs:tt $($name:ident)+;)+) => {
        pub(super) const CASES: &[$crate::cases::case::Case] = &[$($($crate::cases::case::Case {
            name: stringify!($name),
            applies: |caps, beside| $crate::cases::case::needs!(caps, beside, $needs),
            run: $name,
        }),+),+];
    };
}
pub(super) use cases;
