//! The table of operations.

use super::operation::Body::{Document, Empty, Form, Object};
use super::operation::{Body, Mark, Permission, RequiredAccess, RequiredRight};
use super::target::Level;
use crate::credentials::Right;
use http::Method;

/// The most bytes of a list of keys or parts. 10,000 parts with checksums take 3 MiB;
/// 1,000 keys to delete, with every byte escaped as a reference, take 7 MiB.
const LIST: usize = 8 * 1024 * 1024;

/// The most bytes of other documents. S3 takes 64 KiB of CORS rules and 20 KiB of a policy.
const SMALL: usize = 256 * 1024;

/// Parameters that may be there in any request: those of signatures, and the name of the
/// operation, which newer SDKs send.
pub const ALWAYS: &[&str] = &["AWSAccessKeyId", "Expires", "Signature", "x-id"];

/// Parameters by which S3 distinguishes operations that no row has, with or without a
/// value.
pub const OTHERS: &[&str] = &[
    "abac",
    "analytics",
    "annotation",
    "annotations",
    "intelligent-tiering",
    "inventory",
    "metadataConfiguration",
    "metadataInventoryTable",
    "metadataJournalTable",
    "metadataTable",
    "metrics",
    "renameObject",
    "restore",
    "select",
    "select-type",
    "session",
    "torrent",
];

/// An operation of S3, a row of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Operation {
    /// Which one it is.
    pub id: Id,
    /// Its name in the S3 API reference.
    pub name: &'static str,
    /// The method of its requests.
    pub method: Method,
    /// What its requests name.
    pub level: Level,
    /// What distinguishes its requests from others with this method and level. All of it
    /// must be there, and nothing that distinguishes another operation.
    pub marks: &'static [Mark],
    /// The parameters that it reads, beside the marks.
    pub parameters: &'static [&'static str],
    /// The body of its requests.
    pub body: Body,
    /// The right by `serve.credentials` that it needs.
    pub right: RequiredRight,
    /// What it needs of owners and ACLs, with `serve.acls`.
    pub access: RequiredAccess,
}

impl Operation {
    /// The parameters that it reads.
    pub fn own_parameters(&self) -> impl Iterator<Item = &'static str> {
        let marks = self.marks.iter().filter_map(Mark::parameter);
        marks.chain(self.parameters.iter().copied())
    }
}

/// Defines the table, a row for each operation:
/// `NAME METHOD LEVEL [MARKS] [PARAMETERS] BODY RIGHT ACL;`.
macro_rules! operations {
    (@mark $name:literal) => { Mark::Query($name) };
    (@mark ($name:literal = $value:literal)) => { Mark::Value($name, $value) };
    (@mark {$name:literal}) => { Mark::Header($name) };
    (@right Buckets) => { RequiredRight::Buckets };
    (@right Bucket) => { RequiredRight::Bucket };
    (@right $of:ident $right:ident) => { RequiredRight::$of(Right::$right) };
    (@access Nothing) => { RequiredAccess::Nothing };
    (@access Signed) => { RequiredAccess::Signed };
    (@access Owner) => { RequiredAccess::Owner };
    (@access ObjectOwner) => { RequiredAccess::ObjectOwner };
    (@access $of:ident $may:ident) => { RequiredAccess::$of(Permission::$may) };
    ($(
        $name:ident $method:ident $level:ident [$($mark:tt)*] [$($parameter:literal)*]
        $body:expr, ($($right:tt)+) ($($access:tt)+);
    )*) => {
        /// The operations of the table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the names are those of the S3 API reference")]
        pub enum Id { $($name),* }

        /// Every operation that is served. All others are `NotImplemented`.
        pub static OPERATIONS: &[Operation] = &[$(
            Operation {
                id: Id::$name,
                name: stringify!($name),
                method: Method::$method,
                level: Level::$level,
                marks: &[$(operations!(@mark $mark)),*],
                parameters: &[$($parameter),*],
                body: $body,
                right: operations!(@right $($right)+),
                access: operations!(@access $($access)+),
            },
        )*];
    };
}

operations! {
    // The service.
    ListBuckets GET Service [] ["bucket-region" "continuation-token" "max-buckets" "prefix"]
        Empty, (Buckets) (Nothing);

    // Buckets.
    CreateBucket PUT Bucket [] [] Document(SMALL), (Whole Write) (Signed);
    DeleteBucket DELETE Bucket [] [] Empty, (Whole Delete) (Owner);
    HeadBucket HEAD Bucket [] [] Empty, (Bucket) (Bucket Read);
    GetBucketLocation GET Bucket ["location"] [] Empty, (Bucket) (Bucket Read);

    // Listings.
    ListObjects GET Bucket [] ["delimiter" "encoding-type" "marker" "max-keys" "prefix"]
        Empty, (Keys List) (Bucket Read);
    ListObjectsV2 GET Bucket [("list-type" = "2")] [
        "continuation-token" "delimiter" "encoding-type" "fetch-owner" "max-keys" "prefix"
        "start-after"
    ] Empty, (Keys List) (Bucket Read);
    ListObjectVersions GET Bucket ["versions"] [
        "delimiter" "encoding-type" "key-marker" "max-keys" "prefix" "version-id-marker"
    ] Empty, (Keys List) (Bucket Read);
    ListMultipartUploads GET Bucket ["uploads"] [
        "delimiter" "encoding-type" "key-marker" "max-uploads" "prefix" "upload-id-marker"
    ] Empty, (Keys List) (Bucket Read);

    // Objects.
    GetObject GET Object [] [
        "partNumber" "versionId" "response-cache-control" "response-content-disposition"
        "response-content-encoding" "response-content-language" "response-content-type"
        "response-expires"
    ] Empty, (Object Read) (Object Read);
    HeadObject HEAD Object [] [
        "partNumber" "versionId" "response-cache-control" "response-content-disposition"
        "response-content-encoding" "response-content-language" "response-content-type"
        "response-expires"
    ] Empty, (Object Read) (Object Read);
    GetObjectAttributes GET Object ["attributes"] ["versionId"]
        Empty, (Object Read) (Object Read);
    PutObject PUT Object [] [] Object, (Object Write) (Bucket Write);
    PostObject POST Bucket [] [] Form, (Keys Write) (Bucket Write);
    CopyObject PUT Object [{"x-amz-copy-source"}] [] Empty, (Object Write) (Bucket Write);
    DeleteObject DELETE Object [] ["versionId"] Empty, (Object Delete) (Bucket Write);
    DeleteObjects POST Bucket ["delete"] [] Document(LIST), (Keys Delete) (Bucket Write);

    // Multipart uploads.
    CreateMultipartUpload POST Object ["uploads"] [] Empty, (Object Write) (Bucket Write);
    UploadPart PUT Object ["partNumber" "uploadId"] [] Object, (Object Write) (Bucket Write);
    UploadPartCopy PUT Object ["partNumber" "uploadId" {"x-amz-copy-source"}] []
        Empty, (Object Write) (Bucket Write);
    CompleteMultipartUpload POST Object ["uploadId"] []
        Document(LIST), (Object Write) (Bucket Write);
    AbortMultipartUpload DELETE Object ["uploadId"] [] Empty, (Object Write) (Bucket Write);
    ListParts GET Object ["uploadId"] ["max-parts" "part-number-marker"]
        Empty, (Object Write) (Bucket Write);

    // Tags.
    GetObjectTagging GET Object ["tagging"] ["versionId"] Empty, (Object Read) (ObjectOwner);
    PutObjectTagging PUT Object ["tagging"] ["versionId"]
        Document(SMALL), (Object Write) (ObjectOwner);
    DeleteObjectTagging DELETE Object ["tagging"] ["versionId"]
        Empty, (Object Write) (ObjectOwner);
    GetBucketTagging GET Bucket ["tagging"] [] Empty, (Whole Read) (Owner);
    PutBucketTagging PUT Bucket ["tagging"] [] Document(SMALL), (Whole Write) (Owner);
    DeleteBucketTagging DELETE Bucket ["tagging"] [] Empty, (Whole Write) (Owner);

    // Owners and ACLs.
    GetBucketAcl GET Bucket ["acl"] [] Empty, (Bucket) (Bucket ReadAcp);
    PutBucketAcl PUT Bucket ["acl"] [] Document(SMALL), (Whole Write) (Bucket WriteAcp);
    GetObjectAcl GET Object ["acl"] ["versionId"] Empty, (Object Read) (Object ReadAcp);
    PutObjectAcl PUT Object ["acl"] ["versionId"]
        Document(SMALL), (Object Write) (Object WriteAcp);
    GetBucketOwnershipControls GET Bucket ["ownershipControls"] [] Empty, (Whole Read) (Owner);
    PutBucketOwnershipControls PUT Bucket ["ownershipControls"] []
        Document(SMALL), (Whole Write) (Owner);
    DeleteBucketOwnershipControls DELETE Bucket ["ownershipControls"] []
        Empty, (Whole Write) (Owner);
    GetPublicAccessBlock GET Bucket ["publicAccessBlock"] [] Empty, (Whole Read) (Owner);
    PutPublicAccessBlock PUT Bucket ["publicAccessBlock"] []
        Document(SMALL), (Whole Write) (Owner);
    DeletePublicAccessBlock DELETE Bucket ["publicAccessBlock"] [] Empty, (Whole Write) (Owner);
    GetBucketPolicyStatus GET Bucket ["policyStatus"] [] Empty, (Whole Read) (Owner);

    // CORS.
    GetBucketCors GET Bucket ["cors"] [] Empty, (Whole Read) (Owner);
    PutBucketCors PUT Bucket ["cors"] [] Document(SMALL), (Whole Write) (Owner);
    DeleteBucketCors DELETE Bucket ["cors"] [] Empty, (Whole Write) (Owner);

    // Settings that no bucket here has.
    GetBucketVersioning GET Bucket ["versioning"] [] Empty, (Bucket) (Owner);
    GetBucketPolicy GET Bucket ["policy"] [] Empty, (Whole Read) (Owner);
    DeleteBucketPolicy DELETE Bucket ["policy"] [] Empty, (Whole Write) (Owner);
    GetBucketEncryption GET Bucket ["encryption"] [] Empty, (Whole Read) (Owner);
    DeleteBucketEncryption DELETE Bucket ["encryption"] [] Empty, (Whole Write) (Owner);
    GetBucketLifecycleConfiguration GET Bucket ["lifecycle"] [] Empty, (Whole Read) (Owner);
    DeleteBucketLifecycle DELETE Bucket ["lifecycle"] [] Empty, (Whole Write) (Owner);
    GetBucketWebsite GET Bucket ["website"] [] Empty, (Whole Read) (Owner);
    DeleteBucketWebsite DELETE Bucket ["website"] [] Empty, (Whole Write) (Owner);
    GetBucketReplication GET Bucket ["replication"] [] Empty, (Whole Read) (Owner);
    DeleteBucketReplication DELETE Bucket ["replication"] [] Empty, (Whole Write) (Owner);
    GetBucketLogging GET Bucket ["logging"] [] Empty, (Whole Read) (Owner);
    GetBucketNotificationConfiguration GET Bucket ["notification"] [] Empty, (Whole Read) (Owner);
    GetBucketAccelerateConfiguration GET Bucket ["accelerate"] [] Empty, (Whole Read) (Owner);
    GetBucketRequestPayment GET Bucket ["requestPayment"] [] Empty, (Whole Read) (Owner);
    GetObjectLockConfiguration GET Bucket ["object-lock"] [] Empty, (Whole Read) (Owner);
    PutObjectLockConfiguration PUT Bucket ["object-lock"] []
        Document(SMALL), (Whole Write) (Owner);
    GetObjectRetention GET Object ["retention"] ["versionId"] Empty, (Object Read) (ObjectOwner);
    PutObjectRetention PUT Object ["retention"] ["versionId"]
        Document(SMALL), (Object Write) (ObjectOwner);
    GetObjectLegalHold GET Object ["legal-hold"] ["versionId"] Empty, (Object Read) (ObjectOwner);
    PutObjectLegalHold PUT Object ["legal-hold"] ["versionId"]
        Document(SMALL), (Object Write) (ObjectOwner);
}
