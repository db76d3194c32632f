//! Conversions between generated bindings and the types of this crate.
//!
//! Each component and host generates its own Rust types from `wit/`, alike in shape
//! but different to the compiler. This macro writes the conversions once.

/// Defines conversions for the module with the generated `types`: `…_out` from this
/// crate's types to the generated ones, `…_in` back.
#[macro_export]
macro_rules! conversions {
    ($wit:path) => {
        use $wit as wit;

        pub fn error_out(e: $crate::Error) -> wit::Error {
            match e {
                $crate::Error::NotFound => wit::Error::NotFound,
                $crate::Error::AlreadyExists => wit::Error::AlreadyExists,
                $crate::Error::PreconditionFailed => wit::Error::PreconditionFailed,
                $crate::Error::InvalidKey(m) => wit::Error::InvalidKey(m),
                $crate::Error::InvalidConfig(m) => wit::Error::InvalidConfig(m),
                $crate::Error::InvalidData(m) => wit::Error::InvalidData(m),
                $crate::Error::InvalidRange => wit::Error::InvalidRange,
                $crate::Error::Unsupported(m) => wit::Error::Unsupported(m),
                $crate::Error::PermissionDenied(m) => wit::Error::PermissionDenied(m),
                $crate::Error::LimitExceeded(m) => wit::Error::LimitExceeded(m),
                $crate::Error::Unavailable(m) => wit::Error::Unavailable(m),
                other => wit::Error::Other(match other {
                    $crate::Error::Other(m) => m,
                    other => other.to_string(),
                }),
            }
        }

        pub fn error_in(e: wit::Error) -> $crate::Error {
            match e {
                wit::Error::NotFound => $crate::Error::NotFound,
                wit::Error::AlreadyExists => $crate::Error::AlreadyExists,
                wit::Error::PreconditionFailed => $crate::Error::PreconditionFailed,
                wit::Error::InvalidKey(m) => $crate::Error::InvalidKey(m),
                wit::Error::InvalidConfig(m) => $crate::Error::InvalidConfig(m),
                wit::Error::InvalidData(m) => $crate::Error::InvalidData(m),
                wit::Error::InvalidRange => $crate::Error::InvalidRange,
                wit::Error::Unsupported(m) => $crate::Error::Unsupported(m),
                wit::Error::PermissionDenied(m) => $crate::Error::PermissionDenied(m),
                wit::Error::LimitExceeded(m) => $crate::Error::LimitExceeded(m),
                wit::Error::Unavailable(m) => $crate::Error::Unavailable(m),
                wit::Error::Other(m) => $crate::Error::Other(m),
            }
        }

        pub fn capabilities_out(c: $crate::Capabilities) -> wit::Capabilities {
            let all = [
                (c.read, wit::Capabilities::READ),
                (c.write, wit::Capabilities::WRITE),
                (c.replace, wit::Capabilities::REPLACE),
                (c.delete, wit::Capabilities::DELETE),
                (c.list, wit::Capabilities::LIST),
                (c.range, wit::Capabilities::RANGE),
                (c.metadata, wit::Capabilities::METADATA),
                (c.conditional, wit::Capabilities::CONDITIONAL),
                (c.ordered, wit::Capabilities::ORDERED),
            ];
            let mut flags = wit::Capabilities::empty();
            for (_, flag) in all.into_iter().filter(|(set, _)| *set) {
                flags |= flag;
            }
            flags
        }

        pub fn capabilities_in(c: wit::Capabilities) -> $crate::Capabilities {
            $crate::Capabilities {
                read: c.contains(wit::Capabilities::READ),
                write: c.contains(wit::Capabilities::WRITE),
                replace: c.contains(wit::Capabilities::REPLACE),
                delete: c.contains(wit::Capabilities::DELETE),
                list: c.contains(wit::Capabilities::LIST),
                range: c.contains(wit::Capabilities::RANGE),
                metadata: c.contains(wit::Capabilities::METADATA),
                conditional: c.contains(wit::Capabilities::CONDITIONAL),
                ordered: c.contains(wit::Capabilities::ORDERED),
            }
        }

        pub fn info_out(i: $crate::ObjectInfo) -> wit::ObjectInfo {
            wit::ObjectInfo {
                size: i.size,
                etag: i.etag,
                modified: i.modified,
                content_type: i.content_type,
                metadata: i.metadata,
            }
        }

        pub fn info_in(i: wit::ObjectInfo) -> $crate::ObjectInfo {
            $crate::ObjectInfo {
                size: i.size,
                etag: i.etag,
                modified: i.modified,
                content_type: i.content_type,
                metadata: i.metadata,
            }
        }

        pub fn put_options_out(o: &$crate::PutOptions) -> wit::PutOptions {
            wit::PutOptions {
                content_type: o.content_type.clone(),
                metadata: o.metadata.clone(),
                etag: o.etag.clone(),
                if_absent: o.if_absent,
                if_match: o.if_match.clone(),
            }
        }

        pub fn put_options_in(o: wit::PutOptions) -> $crate::PutOptions {
            $crate::PutOptions {
                content_type: o.content_type,
                metadata: o.metadata,
                etag: o.etag,
                if_absent: o.if_absent,
                if_match: o.if_match,
            }
        }

        pub fn trailer_out(t: $crate::Trailer) -> wit::Trailer {
            wit::Trailer { etag: t.etag, metadata: t.metadata }
        }

        pub fn trailer_in(t: wit::Trailer) -> $crate::Trailer {
            $crate::Trailer { etag: t.etag, metadata: t.metadata }
        }

        pub fn read_options_out(o: &$crate::ReadOptions) -> wit::ReadOptions {
            wit::ReadOptions {
                range: o.range.map(|r| wit::ByteRange { offset: r.offset, length: r.length }),
                if_match: o.if_match.clone(),
                if_none_match: o.if_none_match.clone(),
            }
        }

        pub fn read_options_in(o: wit::ReadOptions) -> $crate::ReadOptions {
            $crate::ReadOptions {
                range: o.range.map(|r| $crate::ByteRange { offset: r.offset, length: r.length }),
                if_match: o.if_match,
                if_none_match: o.if_none_match,
            }
        }

        pub fn access_out(a: $crate::Access) -> wit::Access {
            match a {
                $crate::Access::Read => wit::Access::Read,
                $crate::Access::Write => wit::Access::Write,
                $crate::Access::Delete => wit::Access::Delete,
            }
        }

        pub fn access_in(a: wit::Access) -> $crate::Access {
            match a {
                wit::Access::Read => $crate::Access::Read,
                wit::Access::Write => $crate::Access::Write,
                wit::Access::Delete => $crate::Access::Delete,
            }
        }

        pub fn location_out(l: $crate::Location) -> wit::Location {
            wit::Location { base: l.base, key: l.key }
        }

        pub fn location_in(l: wit::Location) -> $crate::Location {
            $crate::Location { base: l.base, key: l.key }
        }

        pub fn delete_options_out(o: &$crate::DeleteOptions) -> wit::DeleteOptions {
            wit::DeleteOptions { if_match: o.if_match.clone() }
        }

        pub fn delete_options_in(o: wit::DeleteOptions) -> $crate::DeleteOptions {
            $crate::DeleteOptions { if_match: o.if_match }
        }

        pub fn list_options_out(o: &$crate::ListOptions) -> wit::ListOptions {
            wit::ListOptions {
                prefix: o.prefix.clone(),
                start_after: o.start_after.clone(),
                limit: o.limit,
                skipped: o.skipped,
            }
        }

        pub fn list_options_in(o: wit::ListOptions) -> $crate::ListOptions {
            $crate::ListOptions {
                prefix: o.prefix,
                start_after: o.start_after,
                limit: o.limit,
                skipped: o.skipped,
            }
        }

        pub fn page_out(p: $crate::Page) -> wit::Page {
            let entry = |e: $crate::Entry| wit::Entry { key: e.key, info: info_out(e.info) };
            let skipped = |s: $crate::Skipped| wit::Skipped { entry: s.entry, reason: s.reason };
            wit::Page {
                entries: p.entries.into_iter().map(entry).collect(),
                skipped: p.skipped.into_iter().map(skipped).collect(),
                next: p.next,
            }
        }

        pub fn page_in(p: wit::Page) -> $crate::Page {
            let entry = |e: wit::Entry| $crate::Entry { key: e.key, info: info_in(e.info) };
            let skipped = |s: wit::Skipped| $crate::Skipped { entry: s.entry, reason: s.reason };
            $crate::Page {
                entries: p.entries.into_iter().map(entry).collect(),
                skipped: p.skipped.into_iter().map(skipped).collect(),
                next: p.next,
            }
        }
    };
}
