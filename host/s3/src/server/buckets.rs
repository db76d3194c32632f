//! The set of buckets, and the operations on buckets.

use super::acl::Wish;
use super::dynamic::{Dynamic, State};
use super::staging::Staging;
use super::users::{self, Users};
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use storage_store::objects::Objects;

/// The region of buckets created without one, as in S3.
const REGION: &str = "us-east-1";

/// The most buckets in one ListBuckets page.
const MAX_BUCKETS: i32 = 10_000;

/// The source of buckets.
#[derive(Clone)]
pub enum Exposed {
    /// Stores as buckets, by bucket name.
    Fixed(Vec<(String, Objects)>),
    /// Buckets that clients create in this store.
    Dynamic(Objects),
}

enum Kind {
    Fixed(BTreeMap<String, Objects>),
    Dynamic(Dynamic),
}

/// The buckets being served. Clones share state.
#[derive(Clone)]
pub struct Buckets {
    kind: Arc<Kind>,
    pub staging: Arc<Staging>,
    /// The users that ACLs (`serve.acls`) can name; `None` if ACLs are off.
    lists: Option<Arc<Users>>,
    /// Held by this set and by every stream that outlives its request. The
    /// stores may be closed when nobody holds it any more.
    pub in_use: Arc<()>,
}

impl Buckets {
    pub fn new(
        exposed: Exposed,
        staging: Arc<Staging>,
        lists: Option<Arc<Users>>,
        in_use: Arc<()>,
    ) -> Self {
        let kind = match exposed {
            Exposed::Fixed(stores) => Kind::Fixed(stores.into_iter().collect()),
            Exposed::Dynamic(main) => Kind::Dynamic(Dynamic::new(main)),
        };
        Self { kind: Arc::new(kind), staging, lists, in_use }
    }

    /// The users that ACLs can name; `None` if ACLs are off.
    pub(super) fn users_of_lists(&self) -> Option<&Users> {
        self.lists.as_deref()
    }

    /// The objects of an existing bucket.
    pub(super) async fn bucket(&self, name: &str) -> S3Result<Objects> {
        match &*self.kind {
            Kind::Fixed(stores) => stores.get(name).cloned().ok_or_else(no_bucket),
            Kind::Dynamic(buckets) => {
                buckets.state(name).await?.ok_or_else(no_bucket)?;
                Ok(buckets.objects(name))
            }
        }
    }

    /// The objects of a bucket to delete from. Writes a missing marker first,
    /// so that the bucket outlives its objects.
    pub(super) async fn bucket_to_delete_from(&self, name: &str) -> S3Result<Objects> {
        if let Kind::Dynamic(buckets) = &*self.kind {
            buckets.adopt(name).await?;
            return Ok(buckets.objects(name));
        }
        self.bucket(name).await
    }

    /// The stored state of a bucket; the default for a fixed one.
    pub(super) async fn state(&self, name: &str) -> S3Result<State> {
        match &*self.kind {
            Kind::Fixed(stores) if stores.contains_key(name) => Ok(State::default()),
            Kind::Fixed(_) => Err(no_bucket()),
            Kind::Dynamic(buckets) => buckets.state(name).await?.ok_or_else(no_bucket),
        }
    }

    /// Updates the stored state of a bucket; fixed buckets have none.
    pub(super) async fn change(&self, name: &str, change: impl Fn(&mut State)) -> S3Result<()> {
        match &*self.kind {
            Kind::Dynamic(buckets) => buckets.change(name, change).await,
            Kind::Fixed(_) => {
                self.bucket(name).await?;
                let text = "this bucket is a store of the configuration, which keeps no settings \
                            of buckets; those of serve.buckets: dynamic do";
                Err(s3_error!(NotImplemented, "{text}"))
            }
        }
    }

    pub(super) async fn list_buckets_answer(
        &self,
        req: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        let user = users::sender(&req)?.clone();
        let input = req.input;
        let prefix = input.prefix.clone().unwrap_or_default();
        let most = input.max_buckets.unwrap_or(MAX_BUCKETS);
        if !(1..=MAX_BUCKETS).contains(&most) {
            return Err(s3_error!(InvalidArgument, "max-buckets is 1 to {MAX_BUCKETS}"));
        }
        let names = match &*self.kind {
            Kind::Fixed(stores) => {
                stores.keys().filter(|name| name.starts_with(&prefix)).cloned().collect()
            }
            Kind::Dynamic(buckets) => {
                let names = buckets.names(&prefix).await?;
                match self.lists {
                    None => names,
                    // Users see only their own buckets.
                    Some(_) => {
                        let states = buckets.states(names.into_iter().collect()).await?;
                        let own = states.into_iter().filter(|(_, s)| s.acl().is_owner(&user));
                        own.map(|(name, _)| name).collect()
                    }
                }
            }
        };
        let after = input.continuation_token.unwrap_or_default();
        let mut rest = names.into_iter().filter(|name| *name > after && user.sees(name));
        let page: Vec<String> =
            rest.by_ref().take(usize::try_from(most).unwrap_or(usize::MAX)).collect();
        let more = rest.next().is_some();
        let token = page.last().cloned().filter(|_| more);
        let page = match &*self.kind {
            Kind::Fixed(_) => page.into_iter().map(|name| (name, State::default())).collect(),
            Kind::Dynamic(buckets) => buckets.states(page).await?,
        };
        let bucket = |(name, state): (String, State)| Bucket {
            name: Some(name),
            creation_date: Some((UNIX_EPOCH + Duration::from_millis(state.created)).into()),
            bucket_region: Some(region(&state)),
        };
        Ok(S3Response::new(ListBucketsOutput {
            buckets: Some(page.into_iter().map(bucket).collect()),
            owner: Some(users::owner(user.name.as_deref())),
            continuation_token: token,
            prefix: input.prefix,
        }))
    }

    pub(super) async fn create_bucket_answer(
        &self,
        req: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        let wish = Wish::of(&req.headers, &req.uri);
        let input = req.input;
        let name = &input.bucket;
        let asker = req.credentials.map(|credentials| credentials.access_key);
        let output = CreateBucketOutput { location: Some(format!("/{name}")) };
        let buckets = match &*self.kind {
            Kind::Dynamic(buckets) => buckets,
            Kind::Fixed(stores) if stores.contains_key(name) => {
                return Err(s3_error!(BucketAlreadyOwnedByYou));
            }
            Kind::Fixed(_) => {
                let text = "the buckets here are those of the configuration; \
                            serve.buckets: dynamic lets clients make some";
                return Err(s3_error!(NotImplemented, "{text}"));
            }
        };
        if let Some(problem) = crate::bucket_name::problem(name) {
            return Err(s3_error!(InvalidBucketName, "{name:?} is not a bucket name: {problem}"));
        }
        if input.object_lock_enabled_for_bucket == Some(true) {
            return Err(s3_error!(NotImplemented, "objects can't be locked here"));
        }
        let location = input
            .create_bucket_configuration
            .and_then(|configuration| configuration.location_constraint)
            .map(|location| location.as_str().to_owned());
        let rights =
            self.rights_of_new(asker.as_deref(), &wish, input.object_ownership.as_ref())?;
        let grants = rights.grants.clone();
        match buckets.create(name, State { location, ..rights }).await? {
            (_, true) => Ok(S3Response::new(output)),
            // As in S3's default region, creating your own bucket again
            // succeeds, unless that would change its ACL.
            (state, false)
                if (state.owner == asker || state.owner.is_none()) && state.grants == grants =>
            {
                Ok(S3Response::new(output))
            }
            _ => Err(s3_error!(BucketAlreadyExists)),
        }
    }

    pub(super) async fn delete_bucket_answer(
        &self,
        req: S3Request<DeleteBucketInput>,
    ) -> S3Result<S3Response<DeleteBucketOutput>> {
        let name = &req.input.bucket;
        let Kind::Dynamic(buckets) = &*self.kind else {
            self.bucket(name).await?;
            let text = "this bucket is a store of the configuration";
            return Err(s3_error!(NotImplemented, "{text}"));
        };
        buckets.remove(name).await?;
        for (id, _) in self.staging.list(name) {
            self.staging.remove(&id);
        }
        Ok(S3Response::new(DeleteBucketOutput::default()))
    }

    pub(super) async fn head_bucket_answer(
        &self,
        req: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        let state = self.state(&req.input.bucket).await?;
        Ok(S3Response::new(HeadBucketOutput {
            bucket_region: Some(region(&state)),
            ..HeadBucketOutput::default()
        }))
    }

    pub(super) async fn get_bucket_location_answer(
        &self,
        req: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        let state = self.state(&req.input.bucket).await?;
        // S3 reports its first region as empty.
        let location = state.location.filter(|location| location != REGION);
        let location_constraint = location.map(BucketLocationConstraint::from);
        Ok(S3Response::new(GetBucketLocationOutput { location_constraint }))
    }
}

fn no_bucket() -> S3Error {
    S3Error::new(S3ErrorCode::NoSuchBucket)
}

fn region(state: &State) -> String {
    state.location.clone().unwrap_or_else(|| REGION.to_owned())
}
