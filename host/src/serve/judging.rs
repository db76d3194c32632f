//! Whether a request is allowed by the owners of buckets and objects and by
//! their lists (`serve.acls`). This comes after the rights of the
//! configuration, and only ever refuses more than they do.

use super::acl::{ACL, Acl, Permission};
use super::buckets::Buckets;
use super::dynamic::State;
use super::error::{internal, s3_read};
use super::users::User;
use crate::store::{Error, ObjectInfo};
use http::Extensions;
use s3s::path::S3Path;
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

/// What an operation asks of owners and lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ask {
    /// Nothing: the answer shows the user's own.
    Nothing,
    /// To be a user at all.
    Signed,
    /// To own the bucket.
    Owner,
    /// A grant of the bucket's list.
    Bucket(Permission),
    /// A grant of the object's list.
    Object(Permission),
    /// To own the object, or its bucket.
    ObjectOwner,
}

/// What the operations ask that are served. What stands nowhere here asks
/// for the bucket's owner.
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

/// The list that a request for an object was judged by, among the request's
/// extensions: what is then opened must still have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged(Option<String>);

impl Judged {
    /// Refuses an object that isn't the one that was judged.
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
    /// Whether objects belong to the bucket's owner, and lists give nothing.
    pub fn is_enforced(&self) -> bool {
        self.ownership.as_deref() == Some("BucketOwnerEnforced")
    }

    /// Whether grants to groups count.
    pub fn groups(&self) -> bool {
        !self.public_block.is_some_and(|block| block.ignore_public_acls)
    }

    /// The bucket's list.
    pub fn acl(&self) -> Acl {
        let private = Acl::private(self.owner.as_deref());
        match self.grants.clone().filter(|_| !self.is_enforced()) {
            Some(grants) => Acl { grants, ..private },
            None => private,
        }
    }

    /// The list of an object in the bucket. One that can't be read gives nothing.
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
    /// Refuses what the owners don't allow; of an object that may be read,
    /// gives what it was judged by.
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

    /// Refuses whoever hasn't this grant to an object; `None`: isn't its owner.
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
            // Who may not list must not learn what there is.
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

    /// Refuses an upload under way to those who neither began it nor own the
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
        // That there is none, the operation says.
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
