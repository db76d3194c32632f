//! What is served at the moment.

use super::access_log::AccessLog;
use super::admission::Admission;
use super::tls;
use crate::bucket::buckets::{Buckets, Exposed};
use crate::bucket::gate::Gates;
use crate::cors_rule::Rule;
use crate::endpoint::Endpoint;
use crate::listing::snapshots::Snapshots;
use crate::memory::Memory;
use crate::options::{Etags, Limits, LogOptions, TlsFiles};
use crate::uploads::under_way::{Ends, Uploads};
use crate::users::Users;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use storage_store::objects::Objects;
use tokio_rustls::TlsAcceptor;

/// What the server serves, to whom and within which limits. A reload of the configuration
/// replaces it as a whole.
pub struct Offer {
    /// The buckets.
    pub exposed: Exposed,
    /// CORS rules that hold for all buckets.
    pub cors: Vec<Rule>,
    /// The users and what they may do.
    pub users: Users,
    /// Whether bucket and object owners and ACLs restrict users.
    pub acls: bool,
    /// The domains below which hosts name buckets.
    pub domains: Vec<String>,
    /// Whether signatures of version 2 are accepted.
    pub v2: bool,
    /// The etags of objects that clients write.
    pub etags: Etags,
    /// The store of uploads in parts, or why there is none.
    pub staging: Result<Objects, String>,
    /// The limits on concurrent requests and memory.
    pub limits: Limits,
    /// The certificate; `None` serves plain HTTP.
    pub tls: Option<TlsFiles>,
    /// The access log; `None` keeps none.
    pub log: Option<LogOptions>,
    /// A guard that lives as long as a request may use these buckets.
    pub in_use: Arc<()>,
}

impl Offer {
    /// These buckets for these users, with neither ACLs nor uploads in parts, and the
    /// default limits.
    pub fn new(exposed: Exposed, users: Users) -> Self {
        Self {
            exposed,
            cors: Vec::new(),
            users,
            acls: false,
            domains: Vec::new(),
            v2: true,
            etags: Etags::Md5,
            staging: Err("there is no store for the parts".to_owned()),
            limits: Limits::default(),
            tls: None,
            log: None,
            in_use: Arc::default(),
        }
    }
}

/// An [`Offer`], ready to serve.
pub struct Current {
    pub endpoint: Arc<Endpoint>,
    pub admission: Admission,
    pub idle: Duration,
    pub tls: Option<TlsAcceptor>,
    pub log: Option<Arc<AccessLog>>,
}

/// What is served now. Clones share it.
#[derive(Clone)]
pub struct SharedCurrent(Arc<RwLock<Arc<Current>>>);

impl SharedCurrent {
    pub fn new(current: Current) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(current))))
    }

    /// What is served now.
    pub fn read(&self) -> Arc<Current> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Serves something else from now on.
    pub fn replace(&self, current: Current) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(current);
    }
}

/// What outlives a reload.
#[derive(Clone, Default)]
pub struct Lasting {
    gates: Arc<Gates>,
    ends: Arc<Ends>,
    memory: Memory,
    changes: Arc<AtomicU64>,
}

impl Current {
    pub fn new(offer: Offer, lasting: &Lasting) -> anyhow::Result<Self> {
        let Offer {
            exposed,
            cors,
            users,
            acls,
            domains,
            v2,
            etags,
            staging,
            limits,
            tls,
            log,
            in_use,
        } = offer;
        let tls = tls.as_ref().map(tls::acceptor).transpose()?;
        let log = log.as_ref().map(AccessLog::open).transpose()?.map(Arc::new);
        let endpoint = Endpoint {
            buckets: Buckets::new(exposed, lasting.gates.clone()),
            uploads: Uploads::new(staging, lasting.ends.clone(), in_use.clone()),
            users,
            acls,
            cors,
            domains,
            v2,
            etags,
            object_size: limits.object_size,
            snapshots: Snapshots::new(lasting.changes.clone()),
            memory: lasting.memory.clone(),
            in_use,
        };
        let admission = Admission::new(limits.requests);
        Ok(Self { endpoint: Arc::new(endpoint), admission, idle: limits.idle, tls, log })
    }
}
