//! The operations on ACLs, object ownership and public access blocks.

use super::acl::{self, ACL, Acl, Wish};
use super::buckets::Buckets;
use super::dynamic::{PublicBlock, State};
use super::error::s3_read;
use super::judging::Judged;
use super::meta;
use super::users::User;
use http::StatusCode;
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

/// The owner and ACL of an object about to be written.
#[derive(Debug, Default)]
pub struct Written {
    /// The object's owner.
    pub owner: Option<String>,
    /// The ACL's metadata entry; `None` if the object needs no ACL of its own.
    pub kept: Option<(String, String)>,
}

impl Buckets {
    /// Determines the owner and ACL of an object that `user` writes. With ACLs
    /// off, refuses a request that grants rights.
    pub(super) async fn written(
        &self,
        bucket: &str,
        user: &User,
        wish: &Wish,
    ) -> S3Result<Written> {
        let Some(users) = self.users_of_lists() else {
            wish.refuse()?;
            return Ok(Written { owner: user.name.clone(), kept: None });
        };
        let state = self.state(bucket).await?;
        check_ownership(&state, wish)?;
        let full = ObjectCannedACL::BUCKET_OWNER_FULL_CONTROL;
        let gives_away = state.ownership.as_deref()
            == Some(ObjectOwnership::BUCKET_OWNER_PREFERRED)
            && wish.canned.as_deref() == Some(full);
        // The bucket's owner owns what unsigned users write.
        let owner = match &user.name {
            Some(name) if !gives_away && !state.is_enforced() => Some(name.clone()),
            _ => state.owner.clone(),
        };
        if state.is_enforced() {
            return Ok(Written { owner, kept: None });
        }
        let list = wish.list(owner.as_deref(), state.owner.as_deref(), users)?;
        check_public(&state, &list)?;
        let is_plain = list == Acl::private(state.owner.as_deref());
        Ok(Written { owner, kept: (!is_plain).then(|| (ACL.to_owned(), list.keep())) })
    }

    pub(super) async fn get_bucket_acl_answer(
        &self,
        req: S3Request<GetBucketAclInput>,
    ) -> S3Result<S3Response<GetBucketAclOutput>> {
        let state = self.state(&req.input.bucket).await?;
        let (owner, grants) = match self.users_of_lists() {
            Some(_) => state.acl().show(),
            None => acl::show_owner(state.owner.as_deref()),
        };
        Ok(S3Response::new(GetBucketAclOutput { grants: Some(grants), owner: Some(owner) }))
    }

    pub(super) async fn put_bucket_acl_answer(
        &self,
        req: S3Request<PutBucketAclInput>,
    ) -> S3Result<S3Response<PutBucketAclOutput>> {
        let wish = Wish::of(&req.headers, &req.uri);
        let S3Request { input, .. } = req;
        let state = self.state(&input.bucket).await?;
        let list = self.asked(&state, &state.acl(), None, &wish, input.access_control_policy)?;
        if let Some(list) = list {
            let is_plain = list == Acl::private(state.owner.as_deref());
            let grants = (!is_plain).then_some(list.grants);
            self.change(&input.bucket, |state| state.grants.clone_from(&grants)).await?;
        }
        Ok(S3Response::new(PutBucketAclOutput {}))
    }

    pub(super) async fn get_object_acl_answer(
        &self,
        req: S3Request<GetObjectAclInput>,
    ) -> S3Result<S3Response<GetObjectAclOutput>> {
        let S3Request { input, extensions, .. } = req;
        meta::only_version(input.version_id.as_deref())?;
        let state = self.state(&input.bucket).await?;
        let objects = self.bucket(&input.bucket).await?;
        let info = objects.stat(&input.key).await.map_err(|e| s3_read(e, &input.key))?;
        Judged::check(&extensions, &info)?;
        let (owner, grants) = match self.users_of_lists() {
            Some(_) => state.acl_of(&info)?.show(),
            None => acl::show_owner(state.owner.as_deref()),
        };
        Ok(S3Response::new(GetObjectAclOutput {
            grants: Some(grants),
            owner: Some(owner),
            ..GetObjectAclOutput::default()
        }))
    }

    pub(super) async fn put_object_acl_answer(
        &self,
        req: S3Request<PutObjectAclInput>,
    ) -> S3Result<S3Response<PutObjectAclOutput>> {
        let wish = Wish::of(&req.headers, &req.uri);
        let S3Request { input, .. } = req;
        let (bucket, key) = (&input.bucket, &input.key);
        meta::only_version(input.version_id.as_deref())?;
        let state = self.state(bucket).await?;
        let objects = self.bucket(bucket).await?;
        let info = objects.stat(key).await.map_err(|e| s3_read(e, key))?;
        let before = state.acl_of(&info)?;
        let of_bucket = state.owner.as_deref();
        let list = self.asked(&state, &before, of_bucket, &wish, input.access_control_policy)?;
        if let Some(list) = list {
            self.set_kept(bucket, key, ACL, Some(list.keep())).await?;
        }
        Ok(S3Response::new(PutObjectAclOutput::default()))
    }

    /// The ACL that replaces `before`. `None`: ACLs are off, and the request
    /// asks for nothing but the default.
    fn asked(
        &self,
        state: &State,
        before: &Acl,
        of_bucket: Option<&str>,
        wish: &Wish,
        policy: Option<AccessControlPolicy>,
    ) -> S3Result<Option<Acl>> {
        let Some(users) = self.users_of_lists() else {
            wish.refuse()?;
            let plain = acl::is_plain(policy.as_ref());
            return if plain { Ok(None) } else { Err(acl::no_grants()) };
        };
        if state.is_enforced() {
            return Err(not_supported());
        }
        let list = match policy {
            Some(policy) if wish.is_empty() => acl::from_xml(policy, before, users)?,
            Some(_) => {
                let text = "an ACL is in the body or in headers, not in both";
                return Err(s3_error!(UnexpectedContent, "{text}"));
            }
            None if wish.is_empty() => {
                return Err(s3_error!(MissingSecurityHeader, "no ACL is given"));
            }
            None => wish.list(before.owner.as_deref(), of_bucket, users)?,
        };
        check_public(state, &list)?;
        Ok(Some(list))
    }

    /// The state of a bucket that a user creates.
    pub(super) fn rights_of_new(
        &self,
        owner: Option<&str>,
        wish: &Wish,
        ownership: Option<&ObjectOwnership>,
    ) -> S3Result<State> {
        let ownership = ownership.map(|ownership| self.ownership(ownership)).transpose()?;
        let state = State { owner: owner.map(str::to_owned), ownership, ..State::default() };
        let Some(users) = self.users_of_lists() else {
            wish.refuse()?;
            return Ok(state);
        };
        if wish.is_empty() {
            return Ok(state);
        }
        let list = wish.list(owner, None, users)?;
        let is_plain = list == state.acl();
        if state.is_enforced() && !is_plain {
            return Err(S3Error::new(S3ErrorCode::InvalidBucketAclWithObjectOwnership));
        }
        Ok(State { grants: (!is_plain).then_some(list.grants), ..state })
    }

    /// Checks a setting of object ownership. With ACLs off, only
    /// BucketOwnerEnforced is possible.
    fn ownership(&self, wanted: &ObjectOwnership) -> S3Result<String> {
        match wanted.as_str() {
            ObjectOwnership::BUCKET_OWNER_ENFORCED => {}
            ObjectOwnership::BUCKET_OWNER_PREFERRED | ObjectOwnership::OBJECT_WRITER => {
                if self.users_of_lists().is_none() {
                    return Err(acl::no_grants());
                }
            }
            _ => return Err(s3_error!(MalformedXML, "unknown object ownership")),
        }
        Ok(wanted.as_str().to_owned())
    }

    pub(super) async fn get_bucket_ownership_controls_answer(
        &self,
        req: S3Request<GetBucketOwnershipControlsInput>,
    ) -> S3Result<S3Response<GetBucketOwnershipControlsOutput>> {
        let ownership = self.state(&req.input.bucket).await?.ownership;
        let ownership =
            ownership.ok_or_else(|| S3Error::new(S3ErrorCode::OwnershipControlsNotFoundError))?;
        let rule = OwnershipControlsRule { object_ownership: ObjectOwnership::from(ownership) };
        let ownership_controls = Some(OwnershipControls { rules: vec![rule] });
        Ok(S3Response::new(GetBucketOwnershipControlsOutput { ownership_controls }))
    }

    pub(super) async fn put_bucket_ownership_controls_answer(
        &self,
        req: S3Request<PutBucketOwnershipControlsInput>,
    ) -> S3Result<S3Response<PutBucketOwnershipControlsOutput>> {
        let input = req.input;
        let [rule] = input.ownership_controls.rules.as_slice() else {
            return Err(s3_error!(MalformedXML, "there is one rule of ownership"));
        };
        let ownership = self.ownership(&rule.object_ownership)?;
        let state = self.state(&input.bucket).await?;
        let enforced = ownership == ObjectOwnership::BUCKET_OWNER_ENFORCED;
        let private = Acl::private(state.owner.as_deref());
        if enforced && state.grants.is_some_and(|grants| grants != private.grants) {
            return Err(s3_error!(
                InvalidBucketAclWithObjectOwnership,
                "the bucket has an ACL that gives rights to others"
            ));
        }
        self.change(&input.bucket, |state| state.ownership = Some(ownership.clone())).await?;
        Ok(S3Response::new(PutBucketOwnershipControlsOutput {}))
    }

    pub(super) async fn delete_bucket_ownership_controls_answer(
        &self,
        req: S3Request<DeleteBucketOwnershipControlsInput>,
    ) -> S3Result<S3Response<DeleteBucketOwnershipControlsOutput>> {
        let bucket = &req.input.bucket;
        if self.state(bucket).await?.ownership.is_some() {
            self.change(bucket, |state| state.ownership = None).await?;
        }
        let output = DeleteBucketOwnershipControlsOutput {};
        Ok(S3Response::with_status(output, StatusCode::NO_CONTENT))
    }

    pub(super) async fn get_public_access_block_answer(
        &self,
        req: S3Request<GetPublicAccessBlockInput>,
    ) -> S3Result<S3Response<GetPublicAccessBlockOutput>> {
        let Some(block) = self.state(&req.input.bucket).await?.public_block else {
            let code = S3ErrorCode::Custom("NoSuchPublicAccessBlockConfiguration".into());
            let text = "The public access block configuration was not found";
            let mut error = S3Error::with_message(code, text);
            error.set_status_code(StatusCode::NOT_FOUND);
            return Err(error);
        };
        let configuration = PublicAccessBlockConfiguration {
            block_public_acls: Some(block.block_public_acls),
            block_public_policy: Some(block.block_public_policy),
            ignore_public_acls: Some(block.ignore_public_acls),
            restrict_public_buckets: Some(block.restrict_public_buckets),
        };
        Ok(S3Response::new(GetPublicAccessBlockOutput {
            public_access_block_configuration: Some(configuration),
        }))
    }

    pub(super) async fn put_public_access_block_answer(
        &self,
        req: S3Request<PutPublicAccessBlockInput>,
    ) -> S3Result<S3Response<PutPublicAccessBlockOutput>> {
        if self.users_of_lists().is_none() {
            return Err(acl::no_grants());
        }
        let configuration = req.input.public_access_block_configuration;
        let block = PublicBlock {
            block_public_acls: configuration.block_public_acls.unwrap_or(false),
            block_public_policy: configuration.block_public_policy.unwrap_or(false),
            ignore_public_acls: configuration.ignore_public_acls.unwrap_or(false),
            restrict_public_buckets: configuration.restrict_public_buckets.unwrap_or(false),
        };
        self.change(&req.input.bucket, |state| state.public_block = Some(block)).await?;
        Ok(S3Response::new(PutPublicAccessBlockOutput {}))
    }

    pub(super) async fn delete_public_access_block_answer(
        &self,
        req: S3Request<DeletePublicAccessBlockInput>,
    ) -> S3Result<S3Response<DeletePublicAccessBlockOutput>> {
        let bucket = &req.input.bucket;
        if self.state(bucket).await?.public_block.is_some() {
            self.change(bucket, |state| state.public_block = None).await?;
        }
        Ok(S3Response::with_status(DeletePublicAccessBlockOutput {}, StatusCode::NO_CONTENT))
    }

    pub(super) async fn get_bucket_policy_status_answer(
        &self,
        req: S3Request<GetBucketPolicyStatusInput>,
    ) -> S3Result<S3Response<GetBucketPolicyStatusOutput>> {
        let state = self.state(&req.input.bucket).await?;
        let is_public =
            self.users_of_lists().is_some() && state.groups() && state.acl().is_public();
        Ok(S3Response::new(GetBucketPolicyStatusOutput {
            policy_status: Some(PolicyStatus { is_public: Some(is_public) }),
        }))
    }
}

/// Refuses an ACL in a bucket that takes none.
fn check_ownership(state: &State, wish: &Wish) -> S3Result<()> {
    let is_fine = match wish.canned.as_deref() {
        Some(ObjectCannedACL::BUCKET_OWNER_FULL_CONTROL) => true,
        Some(_) => false,
        None => wish.is_empty(),
    };
    if state.is_enforced() && !is_fine { Err(not_supported()) } else { Ok(()) }
}

fn not_supported() -> S3Error {
    let text = "the bucket's objects are its owner's (BucketOwnerEnforced), so it takes no ACLs";
    S3Error::with_message(S3ErrorCode::AccessControlListNotSupported, text)
}

/// Refuses grants to groups in a bucket that blocks public ACLs.
fn check_public(state: &State, list: &Acl) -> S3Result<()> {
    match state.public_block.is_some_and(|block| block.block_public_acls) && list.is_public() {
        true => Err(s3_error!(AccessDenied, "the bucket takes no public ACLs (BlockPublicAcls)")),
        false => Ok(()),
    }
}
