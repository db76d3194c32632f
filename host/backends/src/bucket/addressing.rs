//! The form of a bucket's URLs.

use storage_contract::options;

options! {
    /// Whether the bucket is in the path or in the host name of URLs.
    #[derive(Debug, Clone, Copy, PartialEq)]
    pub(super) enum Addressing {
        Auto = "auto",
        Path = "path",
        Virtual = "virtual",
    }
}
