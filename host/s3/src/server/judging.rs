//! Authorization by bucket and object owners and their ACLs (`serve.acls`).
//!
//! It follows the authorization by the configuration's rights and only ever
//! refuses more.

use super::acl::{ACL, Acl, Permission};
use super::buckets::Buckets;
use super::dynamic::State;
use super::error::{internal, s3_read};
use super::users::User;
use http::Extensions;
use s3s::path::S3Path;
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};
use storage_store::{Error, ObjectInfo};

/// What an operation requires of owners and ACLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ask {
    /// Nothing: the response shows only the user's own.
    Nothing,
    /// Any signed user.
    Signed,
    /// Ownership of the bucket.
    Owner,
    /// A grant in the bucket's ACL.
    Bucket(Permission),
    /// A grant in the object's ACL.
    Object(Permission),
    /// Ownership of the object or its bucket.
    ObjectOwner,
}

/// The requirement of each operation; any not listed here needs the bucket's
/// owner.
fn ask(operation: &str) -> Ask {
    match operation {
        "ListBuckets" => Ask::Nothing,
        "CreateBucket" => Ask::Signed,

        "HeadBucket"
        | "GetBucketLocation"
        | "ListObjects"
        | "ListObjectsV2"
        | "ListObjectVersions"
        | "ListMultipartUploads" => Ask::Bucket(Permission::Read),
        "GetBucketAcl" => Ask::Bucket(Permission::ReadAcp),
        "PutBucketAcl" => Ask::Bucket(Permission::WriteAcp),

        "PutObject"
        | "PostObject"
        | "CopyObject"
        | "CreateMultipartUpload"
        | "UploadPart"
        | "UploadPartCopy"
        | "CompleteMultipartUpload"
        | "AbortMultipartUpload"
        | "ListParts"
        | "DeleteObject"
        | "DeleteObjects" => Ask::Bucket(Permission::Write),

        "GetObject" | "HeadObject" | "GetObjectAttributes" => Ask::Object(Permission::Read),
        "GetObjectAcl" => Ask::Object(Permission::ReadAcp),
        "PutObjectAcl" => Ask::Object(Permission::WriteAcp),

        "GetObjectTagging"
        | "PutObjectTagging"
        | "DeleteObjectTagging"
        | "GetObjectRetention"
        | "GetObjectLegalHold"
        | "PutObjectRetention"
        | "PutObjectLegalHold" => Ask::ObjectOwner,

        _ => Ask::Owner,
    }
}

/// The ACL that authorized a request for an object, kept in the request's
/// extensions: the object opened later must still have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged(Option<String>);

impl Judged {
    /// Refuses an object whose ACL differs from the one checked.
    pub fn check(extensions: &Extensions, info: &ObjectInfo) -> S3Result<()> {
        match extensions.get::<Self>() {
            Some(Self(list)) if list.as_deref() != kept(info) => Err(s3_error!(
                ServiceUnavailable,
                "the object changed while it was being opened; try again"
            )),
            _ => Ok(()),
        }
    }
}

fn kept(info: &ObjectInfo) -> Option<&str> {
    info.metadata.iter().find(|(name, _)| name == ACL).map(|(_, text)| text.as_str())
}

impl State {
    /// Whether the bucket's owner owns all objects, and ACLs are disabled.
    pub fn is_enforced(&self) -> bool {
        self.ownership.as_deref() == Some("BucketOwnerEnforced")
    }

    /// Whether grants to groups count.
    pub fn groups(&self) -> bool {
        !self.public_block.is_some_and(|block| block.ignore_public_acls)
    }

    /// The bucket's ACL.
    pub fn acl(&self) -> Acl {
        let private = Acl::private(self.owner.as_deref());
        match self.grants.clone().filter(|_| !self.is_enforced()) {
            Some(grants) => Acl { grants, ..private },
            None => private,
        }
    }

    /// The ACL of an object in the bucket. Fails if the stored ACL can't be
    /// read.
    pub fn acl_of(&self, info: &ObjectInfo) -> S3Result<Acl> {
        match kept(info).filter(|_| !self.is_enforced()) {
            None => Ok(Acl::private(self.owner.as_deref())),
            Some(text) => Acl::kept(text).ok_or_else(|| {
                internal("the object's ACL can't be read", &format_args!("{ACL}: {text:?}"))
            }),
        }
    }
}

impl Buckets {
    /// Refuses what owners and ACLs don't allow. For an operation on an
    /// object's ACL, returns the ACL that allowed it.
    pub(super) async fn judge(
        &self,
        user: &User,
        operation: &str,
        path: &S3Path,
    ) -> S3Result<Option<Judged>> {
        let (bucket, key) = match path {
            S3Path::Root => ("", ""),
            S3Path::Bucket { bucket } => (&**bucket, ""),
            S3Path::Object { bucket, key } => (&**bucket, &**key),
        };
        let ask = ask(operation);
        let allowed = match ask {
            Ask::Nothing => true,
            Ask::Signed => user.name.is_some(),
            Ask::Owner => self.state(bucket).await?.acl().is_owner(user),
            Ask::Bucket(wanted) => {
                let state = self.state(bucket).await?;
                state.acl().allows(user, wanted, state.groups())
            }
            Ask::Object(wanted) => {
                return self.judge_object(user, bucket, key, Some(wanted)).await.map(Some);
            }
            Ask::ObjectOwner => {
                return self.judge_object(user, bucket, key, None).await.map(Some);
            }
        };
        if allowed { Ok(None) } else { Err(refused()) }
    }

    /// Refuses a user without this grant to an object; for `None`, a user who
    /// owns neither the object nor its bucket.
    pub(super) async fn judge_object(
        &self,
        user: &User,
        bucket: &str,
        key: &str,
        wanted: Option<Permission>,
    ) -> S3Result<Judged> {
        let state = self.state(bucket).await?;
        let of_bucket = state.acl();
        let info = match self.bucket(bucket).await?.stat(key).await {
            // Users who may not list must not learn which objects exist.
            Err(Error::NotFound) if !of_bucket.allows(user, Permission::Read, state.groups()) => {
                return Err(refused());
            }
            info => info.map_err(|error| s3_read(error, key))?,
        };
        let acl = state.acl_of(&info)?;
        let allowed = match wanted {
            Some(wanted) => acl.allows(user, wanted, state.groups()),
            None => acl.is_owner(user) || of_bucket.is_owner(user),
        };
        if allowed { Ok(Judged(kept(&info).map(str::to_owned))) } else { Err(refused()) }
    }

    /// Refuses access to an upload unless the user started it or owns the
    /// bucket.
    pub(super) async fn judge_upload(
        &self,
        user: &User,
        bucket: &str,
        key: &str,
        id: &str,
    ) -> S3Result<()> {
        if self.users_of_lists().is_none() {
            return Ok(());
        }
        // The operation itself reports a missing upload.
        let Ok(upload) = self.staging.find(id, bucket, key) else { return Ok(()) };
        match upload.initiator == user.name || self.state(bucket).await?.acl().is_owner(user) {
            true => Ok(()),
            false => Err(refused()),
        }
    }
}

fn refused() -> S3Error {
    S3Error::with_message(S3ErrorCode::AccessDenied, "neither ownership nor an ACL allows this")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_that_nobody_thought_of_is_the_owners() {
        assert_eq!(ask("PutBucketWebsite"), Ask::Owner);
        assert_eq!(ask("DeleteBucket"), Ask::Owner);
        assert_eq!(ask("SelectObjectContent"), Ask::Owner);
    }

    #[test]
    fn a_list_that_cant_be_read_gives_nothing() {
        let state = State { owner: Some("A".to_owned()), ..State::default() };
        let mut info = ObjectInfo::default();
        assert_eq!(state.acl_of(&info).unwrap(), Acl::private(Some("A")));
        info.metadata.push((ACL.to_owned(), "{".to_owned()));
        assert_eq!(state.acl_of(&info).unwrap_err().code().as_str(), "InternalError");
    }
}
