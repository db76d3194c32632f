//! Authorization by owners and ACLs (`serve.acls`). It follows the authorization by rights
//! and only ever refuses more.

use crate::bucket::acl::Acl;
use crate::bucket::buckets::Bucket;
use crate::bucket::state::BucketState;
use crate::object::metadata::entry;
use crate::protocol::error::{Error, Result, error};
use crate::protocol::operation::{Permission, RequiredAccess};
use crate::store_error::{internal, of_reading};
use crate::users::User;
use storage_store::{Error as StoreError, ObjectInfo};

/// The metadata key of an object's ACL. Without one, only the bucket's owner has access.
pub const ACL: &str = ":acl";

/// The ACL that authorized a request for an object. The object that is opened later must
/// still have it: another one may have taken its place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Judged {
    /// ACLs did not decide.
    #[default]
    Nothing,
    /// The ACL in the object's metadata.
    Acl(Option<String>),
}

impl Judged {
    /// Refuses an object whose ACL differs from the one that was judged.
    pub fn check(&self, info: &ObjectInfo) -> Result<()> {
        match self {
            Self::Acl(acl) if acl.as_deref() != entry(info, ACL) => Err(error!(
                ServiceUnavailable,
                "the object changed while it was being opened; try again"
            )),
            Self::Acl(_) | Self::Nothing => Ok(()),
        }
    }
}

/// The ACL of an object in a bucket. Fails if the stored one can't be read.
pub fn acl_of(state: &BucketState, info: &ObjectInfo) -> Result<Acl> {
    match entry(info, ACL).filter(|_| !state.is_enforced()) {
        None => Ok(Acl::private(state.owner.as_deref())),
        Some(text) => Acl::kept(text).ok_or_else(|| {
            internal("the object's ACL can't be read", &format_args!("{ACL}: {text:?}"))
        }),
    }
}

/// Refuses what the state of a bucket does not allow. What depends on an object is left to
/// [`judge_object`].
pub fn judge_bucket(required: RequiredAccess, user: &User, state: &BucketState) -> Result<()> {
    let is_allowed = match required {
        RequiredAccess::Nothing | RequiredAccess::Object(_) | RequiredAccess::ObjectOwner => true,
        RequiredAccess::Signed => user.name.is_some(),
        RequiredAccess::Owner => state.acl().is_owner(user),
        RequiredAccess::Bucket(wanted) => state.acl().allows(user, wanted, state.groups()),
    };
    if is_allowed { Ok(()) } else { Err(refused()) }
}

/// Refuses a user without the grant that the operation asks for on an object.
pub async fn judge_object(
    required: RequiredAccess,
    user: &User,
    bucket: &Bucket,
    key: &str,
) -> Result<Judged> {
    if !matches!(required, RequiredAccess::Object(_) | RequiredAccess::ObjectOwner) {
        return Ok(Judged::Nothing);
    }
    let (state, of_bucket) = (&bucket.state, bucket.state.acl());
    let info = match bucket.objects.stat(key).await {
        // Users who may not list must not learn which objects exist.
        Err(StoreError::NotFound | StoreError::InvalidKey(_))
            if !of_bucket.allows(user, Permission::Read, state.groups()) =>
        {
            return Err(refused());
        }
        info => info.map_err(of_reading)?,
    };
    let acl = acl_of(state, &info)?;
    let is_allowed = match required {
        RequiredAccess::Object(wanted) => acl.allows(user, wanted, state.groups()),
        _ => acl.is_owner(user) || of_bucket.is_owner(user),
    };
    match is_allowed {
        true => Ok(Judged::Acl(entry(&info, ACL).map(str::to_owned))),
        false => Err(refused()),
    }
}

/// The error for what neither ownership nor an ACL allows.
pub fn refused() -> Error {
    error!(AccessDenied, "neither ownership nor an ACL allows this")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::error::Code;

    #[test]
    fn an_acl_that_can_not_be_read_gives_nothing() {
        let state = BucketState { owner: Some("A".to_owned()), ..BucketState::default() };
        let mut info = ObjectInfo::default();
        assert_eq!(acl_of(&state, &info).unwrap(), Acl::private(Some("A")));
        info.metadata.push((ACL.to_owned(), "{".to_owned()));
        assert_eq!(acl_of(&state, &info).unwrap_err().code(), Code::InternalError);
    }

    #[test]
    fn an_object_that_took_the_place_of_another_is_not_taken_for_it() {
        let mut info = ObjectInfo::default();
        let judged = Judged::Acl(Some("one".to_owned()));
        assert_eq!(judged.check(&info).unwrap_err().code(), Code::ServiceUnavailable);
        assert!(Judged::Nothing.check(&info).is_ok() && Judged::Acl(None).check(&info).is_ok());
        info.metadata.push((ACL.to_owned(), "one".to_owned()));
        assert!(judged.check(&info).is_ok() && Judged::Acl(None).check(&info).is_err());
    }
}
