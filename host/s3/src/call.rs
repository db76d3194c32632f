//! A request that was authorized, with what its operation needs.

use crate::access::owners::{Judged, judge_bucket, judge_object, refused};
use crate::access::rights::check_key;
use crate::bucket::buckets::Bucket;
use crate::bucket::state::BucketState;
use crate::credentials::Right;
use crate::endpoint::Endpoint;
use crate::object::rewriting;
use crate::posted_form::PostedForm;
use crate::protocol::encoding::encoded_path;
use crate::protocol::error::{Code, Error, Result, error};
use crate::protocol::head::Head;
use crate::protocol::operation::{Permission, RequiredAccess};
use crate::protocol::request::{Request, check_bucket};
use crate::store_error::internal;
use crate::uploads::manifest::Manifest;
use crate::users::{User, Users, owner_id};
use std::future::Future;
use std::sync::Arc;
use storage_store::request_context;

/// A request that was authorized.
pub struct Call {
    /// The request.
    pub request: Request,
    /// Who sent it.
    pub user: Arc<User>,
    /// What it is answered from.
    pub endpoint: Arc<Endpoint>,
    /// What allows it to use its object.
    pub judged: Judged,
    /// How it came.
    pub origin: Origin,
    /// The form that it brings, for PostObject.
    form: Option<PostedForm>,
    bucket: Option<Bucket>,
}

/// Refuses a request whose client may have meant the bucket in the name of the host, where
/// there is no bucket that the path names.
async fn meant_by_host(request: &Request, user: &User, endpoint: &Endpoint) -> Result<()> {
    match &request.bucket_meant {
        Some(meant) if user.sees(meant) && endpoint.buckets.has(meant).await? => Err(error!(
            InvalidRequest,
            "the bucket {meant:?} stands in the name of the host, which is known only below \
             serve.domain; address it by the path"
        )),
        _ => Ok(()),
    }
}

/// How a request came.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Its id.
    pub id: String,
    /// Whether it came over TLS.
    pub secure: bool,
}

impl Call {
    /// Finds the bucket of a request whose sender has the right to it, once for all that
    /// follows, and judges what owners and ACLs allow.
    pub async fn open(
        request: Request,
        user: Arc<User>,
        endpoint: Arc<Endpoint>,
        origin: Origin,
        form: Option<PostedForm>,
    ) -> Result<Self> {
        let bucket = match request.operation.access {
            RequiredAccess::Nothing => None,
            // It makes the bucket.
            RequiredAccess::Signed => match endpoint.buckets.find(request.bucket()).await {
                Err(error) if error.code() == Code::NoSuchBucket => {
                    meant_by_host(&request, &user, &endpoint).await?;
                    None
                }
                found => {
                    found?;
                    None
                }
            },
            _ => match endpoint.buckets.find(request.bucket()).await {
                Err(error) if error.code() == Code::NoSuchBucket => {
                    meant_by_host(&request, &user, &endpoint).await?;
                    return Err(error);
                }
                found => Some(found?),
            },
        };
        let judged = Judged::Nothing;
        let mut call = Self { request, user, endpoint, judged, origin, form, bucket };
        call.judge().await?;
        if let Some(bucket) = &call.bucket {
            call.check_owner("x-amz-expected-bucket-owner", &bucket.state)?;
        }
        Ok(call)
    }

    /// Judges what owners and ACLs allow, where the bucket or the object may have
    /// changed since the request began.
    async fn judge(&mut self) -> Result<()> {
        if !self.endpoint.acls {
            return Ok(());
        }
        let required = self.request.operation.access;
        let no_state = BucketState::default();
        let state = self.bucket.as_ref().map_or(&no_state, |bucket| &bucket.state);
        judge_bucket(required, &self.user, state)?;
        if let Some(bucket) = &self.bucket {
            self.judged = judge_object(required, &self.user, bucket, self.request.key()).await?;
        }
        Ok(())
    }

    /// Finds the bucket anew and judges again, after a body took its time to arrive.
    pub async fn reopen(&mut self) -> Result<()> {
        if let Some(before) = &self.bucket {
            let now = self.endpoint.buckets.find(&before.name).await?;
            if !before.is_still(&now.state) {
                return Err(Error::from(Code::NoSuchBucket));
            }
            self.bucket = Some(now);
        }
        self.judge().await
    }

    /// The headers of the request.
    pub fn head(&self) -> Head<'_> {
        self.request.head()
    }

    /// The object's key.
    pub fn key(&self) -> &str {
        self.request.key()
    }

    /// The bucket.
    pub fn bucket(&self) -> Result<&Bucket> {
        let missing = || internal("a bucket was not looked for", &self.request.operation.name);
        self.bucket.as_ref().ok_or_else(missing)
    }

    /// The form of PostObject.
    pub fn form(&self) -> Result<&PostedForm> {
        let missing = || internal("a form was not read", &self.request.operation.name);
        self.form.as_ref().ok_or_else(missing)
    }

    /// The users that ACLs can name; `None` if ACLs are off.
    pub fn acl_users(&self) -> Option<&Users> {
        self.endpoint.acls.then_some(&self.endpoint.users)
    }

    /// Judges the state of a bucket that is about to be changed.
    fn judge_state(&self, state: &BucketState) -> Result<()> {
        match self.endpoint.acls {
            true => judge_bucket(self.request.operation.access, &self.user, state),
            false => Ok(()),
        }
    }

    /// Changes what is kept of the bucket, whose newest state is judged first. `change` may
    /// refuse.
    pub async fn change_bucket(
        &self,
        change: impl Fn(&mut BucketState) -> Result<()>,
    ) -> Result<()> {
        let judged = |state: &mut BucketState| {
            self.judge_state(state)?;
            change(state)
        };
        self.endpoint.buckets.change(self.bucket()?, judged).await
    }

    /// Does what publishes the object `key`. Meanwhile its bucket can't be deleted, and
    /// nobody rewrites the object. What the bucket allows is judged once more, since the
    /// body may have taken long. Once begun, this goes on if the client does not wait for
    /// the end: what a backend has begun can't be undone, either.
    pub async fn publish<T: Send + 'static>(
        self: &Arc<Self>,
        key: &str,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T> {
        let (call, key) = (self.clone(), key.to_owned());
        let task = async move {
            let bucket = call.bucket()?;
            let (held, state) = call.endpoint.buckets.publishing(bucket).await?;
            if held.is_some() {
                call.judge_state(&state)?;
            }
            let lock = rewriting::lock(&bucket.name, &key);
            let _alone = lock.lock().await;
            let done = work.await;
            drop(held);
            Ok(done)
        };
        let task = tokio::spawn(request_context::capture().scope(task));
        task.await.map_err(|error| internal("an object could not be published", &error))?
    }

    /// Finds the bucket of a copy's source, which the user must be allowed to read, and
    /// what allows that.
    pub async fn open_source(&self, name: &str, key: &str) -> Result<(Bucket, Judged)> {
        check_bucket(name)?;
        check_key(&self.user, Right::Read, name, key)?;
        let bucket = self.endpoint.buckets.find(name).await?;
        let judged = match self.endpoint.acls {
            true => {
                judge_object(RequiredAccess::Object(Permission::Read), &self.user, &bucket, key)
                    .await?
            }
            false => Judged::Nothing,
        };
        self.check_owner("x-amz-source-expected-bucket-owner", &bucket.state)?;
        Ok((bucket, judged))
    }

    /// Finds an upload, which the user must have started unless the bucket is the user's.
    pub async fn open_upload(&self, id: &str) -> Result<Manifest> {
        let bucket = self.bucket()?;
        let upload = self.endpoint.uploads.find(id, bucket, self.key()).await?;
        let is_allowed = !self.endpoint.acls
            || upload.initiator == self.user.name
            || bucket.state.acl().is_owner(&self.user);
        if is_allowed { Ok(upload) } else { Err(refused()) }
    }

    /// Checks the bucket owner that a client expects.
    fn check_owner(&self, header: &str, state: &BucketState) -> Result<()> {
        let Some(expected) = self.head().one(header)? else { return Ok(()) };
        match expected == owner_id(state.owner.as_deref()) {
            true => Ok(()),
            false => Err(error!(AccessDenied, "the bucket has another owner")),
        }
    }

    /// The URL of an object in the bucket, as the client addressed the bucket.
    pub fn url(&self, key: &str) -> String {
        let scheme = if self.origin.secure { "https" } else { "http" };
        let host = self.head().one("host").ok().flatten().unwrap_or_default();
        let key = encoded_path(key);
        match self.request.bucket_of_host {
            Some(_) => format!("{scheme}://{host}/{key}"),
            None => format!("{scheme}://{host}/{}/{key}", self.request.bucket()),
        }
    }
}
