//! The conformance cases as data, for runtimes that Rust can't reach: runs the suite
//! over every chain of decorators and records its calls and answers.
//! `docs/embedding.md` describes the format.
//!
//! - [`data`]: the byte strings of the cases, each stored once.
//! - [`record`]: a subject that records the calls of a case.
//! - [`make`]: records all cases over all chains.
//! - [`replay`]: runs recorded cases and compares the answers.

pub mod data;
pub mod make;
pub mod record;
pub mod replay;

use serde::{Deserialize, Serialize};

/// The version of the format.
pub const FORMAT: u32 = 1;

/// The whole file.
#[derive(Debug, Serialize, Deserialize)]
pub struct Cases {
    /// Always [`FORMAT`].
    pub format: u32,
    /// The contract version of the cases.
    pub contract: String,
    /// Byte strings, referred to by index.
    pub data: Vec<data::Data>,
    /// The calls to make, and their expected results.
    pub cases: Vec<Case>,
    /// The chains, and the cases that each must pass.
    pub chains: Vec<Chain>,
    /// Chains that must not be built.
    pub refused: Vec<Refused>,
}

/// Steps to run on a fresh chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// The case's name in the suite.
    pub name: String,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

/// A chain over stores in memory.
#[derive(Debug, Serialize, Deserialize)]
pub struct Chain {
    /// Its name in reports.
    pub name: String,
    /// The nodes to build.
    pub nodes: Vec<Node>,
    /// The names of its base stores, which are in memory.
    pub bases: Vec<String>,
    /// The bases whose objects a `snapshot` compares.
    pub lasting: Vec<String>,
    /// The base for steps with `beside`; `None` means the chain itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beside: Option<String>,
    /// The indexes of the cases that it must pass.
    pub cases: Vec<usize>,
}

/// An invalid chain.
#[derive(Debug, Serialize, Deserialize)]
pub struct Refused {
    /// What is wrong with it.
    pub name: String,
    /// The nodes that must not be built.
    pub nodes: Vec<Node>,
    /// The expected error code.
    pub error: String,
}

/// One store of a chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its config, as JSON text.
    pub config: String,
    /// Its bases, in order.
    pub bases: Vec<Base>,
}

/// One base of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Base {
    /// An earlier node.
    Node(u32),
    /// A store in memory.
    Name(String),
}

/// One call, or a few of the same kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Whether the call bypasses the chain.
    #[serde(default, skip_serializing_if = "is_false")]
    pub beside: bool,
    /// The call, with its result on success.
    #[serde(flatten)]
    pub call: Call,
    /// The expected error code instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The number of an open reader or writer, or of a state.
pub type Number = u32;

/// An index into [`Cases::data`].
pub type DataIndex = usize;

/// The call. `gives` is absent if an error is expected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the operations and arguments of the contract")]
pub enum Call {
    Capabilities {
        gives: Vec<String>,
    },
    Get {
        key: String,
        #[serde(default, skip_serializing_if = "is_default")]
        options: ReadOptions,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gives: Option<Object>,
    },
    Put {
        key: String,
        data: DataIndex,
        #[serde(default, skip_serializing_if = "is_default")]
        options: PutOptions,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gives: Option<Info>,
    },
    Exists {
        key: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gives: Option<bool>,
    },
    Delete {
        key: String,
        #[serde(default, skip_serializing_if = "is_default")]
        options: DeleteOptions,
    },
    Stat {
        key: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gives: Option<Info>,
    },
    List {
        #[serde(default, skip_serializing_if = "is_default")]
        options: ListOptions,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gives: Option<Page>,
    },
    /// Opens a reader with this number.
    Read {
        key: String,
        #[serde(default, skip_serializing_if = "is_default")]
        options: ReadOptions,
        reader: Number,
    },
    /// Opens a writer with this number.
    Write {
        key: String,
        #[serde(default, skip_serializing_if = "is_default")]
        options: PutOptions,
        writer: Number,
    },
    Info {
        reader: Number,
        gives: Info,
    },
    /// Calls `next(max)` until these bytes have come, and once more at the end of the
    /// object.
    Next {
        reader: Number,
        max: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gives: Option<DataIndex>,
        #[serde(default, skip_serializing_if = "is_false")]
        end: bool,
    },
    /// Pushes the bytes, in pieces of length `chunk` if that is set.
    Push {
        writer: Number,
        data: DataIndex,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        chunk: Option<usize>,
    },
    Finish {
        writer: Number,
        #[serde(default, skip_serializing_if = "is_default")]
        trailer: Trailer,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gives: Option<Info>,
    },
    DropReader {
        reader: Number,
    },
    DropWriter {
        writer: Number,
    },
    /// Reads all objects of the lasting bases; equal numbers mean equal states.
    Snapshot {
        state: Number,
    },
}

/// An object with its bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// Its properties.
    pub info: Info,
    /// Its bytes, or those of the range.
    pub data: DataIndex,
}

/// `object-info` without `modified`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields of the contract")]
pub struct Info {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<(String, String)>,
}

/// `put-options`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields of the contract")]
pub struct PutOptions {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub if_absent: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_match: Option<String>,
}

/// `trailer`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields of the contract")]
pub struct Trailer {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<(String, String)>,
}

/// `read-options`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields of the contract")]
pub struct ReadOptions {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Range>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_match: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_none_match: Option<String>,
}

/// `byte-range`, as decimal text: JSON readers with floating-point numbers would lose
/// precision.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields of the contract")]
pub struct Range {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<String>,
}

/// `delete-options`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields of the contract")]
pub struct DeleteOptions {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_match: Option<String>,
}

/// `list-options`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields of the contract")]
pub struct ListOptions {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_after: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub skipped: bool,
}

/// `page`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields of the contract")]
pub struct Page {
    pub entries: Vec<Entry>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Skipped>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `skipped`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields of the contract")]
pub struct Skipped {
    pub entry: String,
    pub reason: String,
}

/// `entry`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields of the contract")]
pub struct Entry {
    pub key: String,
    pub info: Info,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
fn is_false(value: &bool) -> bool {
    !*value
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
