//! The conformance cases as data, for runtimes that no Rust reaches: the suite
//! runs over every chain of decorators, and what it asks and is answered is
//! kept. `docs/embedding.md` describes the format.
//!
//! - [`data`]: the byte strings of the cases, each once.
//! - [`record`]: a subject that keeps what a case does with it.
//! - [`make`]: all cases over all chains.
//! - [`replay`]: the way back: a chain must answer as it did.

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
    /// [`FORMAT`].
    pub format: u32,
    /// The contract that the cases are about.
    pub contract: String,
    /// Byte strings, named by their place in this list.
    pub data: Vec<data::Data>,
    /// What to do, and what must come of it.
    pub cases: Vec<Case>,
    /// Which chains must pass which cases.
    pub chains: Vec<Chain>,
    /// Chains that must not be built.
    pub refused: Vec<Refused>,
}

/// Steps over a fresh chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// The name of the case of the suite.
    pub name: String,
    /// In order.
    pub steps: Vec<Step>,
}

/// A chain over memory.
#[derive(Debug, Serialize, Deserialize)]
pub struct Chain {
    /// Its name in reports.
    pub name: String,
    /// What to build.
    pub nodes: Vec<Node>,
    /// The names of the stores in memory under it.
    pub bases: Vec<String>,
    /// Those of them whose objects a `snapshot` compares.
    pub lasting: Vec<String>,
    /// The base that is meant by `beside`; absent: the chain itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beside: Option<String>,
    /// The cases that it must pass, by their place in the list.
    pub cases: Vec<usize>,
}

/// A chain that is described wrongly.
#[derive(Debug, Serialize, Deserialize)]
pub struct Refused {
    /// What is wrong with it.
    pub name: String,
    /// What not to build.
    pub nodes: Vec<Node>,
    /// The code of the error.
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

/// One call, or a few of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Whether the call goes around the chain.
    #[serde(default, skip_serializing_if = "is_false")]
    pub beside: bool,
    /// What is called, and what it gives on success.
    #[serde(flatten)]
    pub call: Call,
    /// The code of the error that it gives instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A number of an open reader or writer, or of a state.
pub type Number = u32;

/// A place in [`Cases::data`].
pub type DataIndex = usize;

/// What is called. `gives` is absent where an error comes instead.
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
    /// Opens a reader and gives it a number.
    Read {
        key: String,
        #[serde(default, skip_serializing_if = "is_default")]
        options: ReadOptions,
        reader: Number,
    },
    /// Opens a writer and gives it a number.
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
    /// `next(max)` until these bytes came, and then, at the end of the object,
    /// once more.
    Next {
        reader: Number,
        max: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gives: Option<DataIndex>,
        #[serde(default, skip_serializing_if = "is_false")]
        end: bool,
    },
    /// `push` of the bytes, where `chunk` is given in pieces of that length.
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
    /// Everything in the lasting bases, as one value that is the same for the
    /// same number.
    Snapshot {
        state: Number,
    },
}

/// An object with its bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// What is known of it.
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

/// `byte-range`. Decimal text: the numbers may be too large for JSON readers
/// that keep them as floating point.
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
