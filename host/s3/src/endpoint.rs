//! What is served, to whom and within which limits.

use crate::bucket::buckets::Buckets;
use crate::cors_rule::Rule;
use crate::listing::snapshots::Snapshots;
use crate::memory::Memory;
use crate::options::Etags;
use crate::uploads::under_way::Uploads;
use crate::users::Users;
use std::sync::Arc;

/// What requests are answered from. A reload of the configuration replaces it as a whole.
pub struct Endpoint {
    /// The buckets.
    pub buckets: Buckets,
    /// The uploads in parts under way.
    pub uploads: Uploads,
    /// The users.
    pub users: Users,
    /// Whether owners and ACLs restrict users (`serve.acls`).
    pub acls: bool,
    /// The CORS rules for all buckets.
    pub cors: Vec<Rule>,
    /// The domains below which hosts name buckets.
    pub domains: Vec<String>,
    /// Whether signatures of version 2 are accepted.
    pub v2: bool,
    /// The etags of objects that clients write.
    pub etags: Etags,
    /// The most bytes of an object.
    pub object_size: Option<u64>,
    /// The listings under way of stores that don't list in order.
    pub snapshots: Snapshots,
    /// The memory for documents.
    pub memory: Memory,
    /// Held by every stream that outlives its request. The stores may be closed when nobody
    /// holds it any more.
    pub in_use: Arc<()>,
}
