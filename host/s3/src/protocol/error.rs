//! Errors of S3: their codes, HTTP statuses and documents.

use super::xml::write::document;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::borrow::Cow;
use std::fmt;

/// The result of whatever a request asks for.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Defines the codes: name, status, and the message for an error without another one.
macro_rules! codes {
    ($($name:ident $status:literal $message:literal;)*) => {
        /// An error code, from "Error responses" of the S3 API reference.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the names are S3's, the messages stand beside them")]
        pub enum Code { $($name),* }

        impl Code {
            /// Every code.
            pub const ALL: &[Code] = &[$(Code::$name),*];

            /// The text in `<Code>`.
            pub fn name(self) -> &'static str {
                match self { $(Code::$name => stringify!($name)),* }
            }

            fn number(self) -> u16 {
                match self { $(Code::$name => $status),* }
            }

            fn message(self) -> &'static str {
                match self { $(Code::$name => $message),* }
            }
        }
    };
}

// Some clients read the message, too, where it is one that every S3 server sends: what these
// are is as in S3.
codes! {
    AccessControlListNotSupported 400 "The bucket does not allow ACLs.";
    AccessDenied 403 "Access Denied.";
    AccessForbidden 403 "No CORS rule of this bucket allows this request.";
    AuthorizationHeaderMalformed 400 "The header Authorization is malformed.";
    AuthorizationQueryParametersError 400 "The parameters of the signature are malformed.";
    BadDigest 400 "The bytes that arrived don't have the digest that was sent with them.";
    BadRequest 400 "The request can't be understood.";
    BucketAlreadyExists 409 "The bucket exists already, and belongs to someone else.";
    BucketAlreadyOwnedByYou 409 "The bucket exists already, and is yours.";
    BucketNotEmpty 409 "The bucket is not empty.";
    ConditionalRequestConflict 409 "Another request changed the object meanwhile; try again.";
    EntityTooLarge 400 "The object is larger than this server takes.";
    EntityTooSmall 400 "A part but the last is smaller than 5 MiB.";
    IncompleteBody 400 "The body has not the length that was announced.";
    InsufficientStorage 507 "The server has no room for this.";
    InternalError 500 "The server failed; its log has the cause.";
    InvalidAccessKeyId 403 "There is no such access key here.";
    InvalidArgument 400 "An argument is invalid.";
    InvalidBucketAclWithObjectOwnership 400 "The bucket's ownership setting allows no ACL.";
    InvalidBucketName 400 "This is not a bucket name.";
    InvalidBucketState 409 "The bucket's state does not allow this.";
    InvalidDigest 400 "Content-MD5 is not an MD5 in Base64.";
    InvalidPart 400 "A part did not arrive, or has another etag.";
    InvalidPartOrder 400 "The parts are not in ascending order.";
    InvalidPolicyDocument 400 "The policy of the form can't be read.";
    InvalidRange 416 "The requested range is not satisfiable";
    InvalidRequest 400 "The request is invalid.";
    InvalidStorageClass 400 "The only storage class here is STANDARD.";
    InvalidTag 400 "A tag is invalid.";
    InvalidURI 400 "The path or the query is not percent-encoded UTF-8.";
    KeyTooLongError 400 "The key is too long.";
    MalformedACLError 400 "The ACL can't be read.";
    MalformedPOSTRequest 400 "The form can't be read.";
    MalformedXML 400 "The document is not of the form that the operation takes.";
    MaxMessageLengthExceeded 400 "The document is too long.";
    MetadataTooLarge 400 "User metadata has more than 2 KiB.";
    MethodNotAllowed 405 "This method is not allowed here.";
    MissingContentLength 411 "The length of the object is missing.";
    MissingSecurityHeader 400 "A required header is missing.";
    NoSuchBucket 404 "The specified bucket does not exist";
    NoSuchBucketPolicy 404 "The bucket has no policy.";
    NoSuchCORSConfiguration 404 "The bucket has no CORS rules.";
    NoSuchKey 404 "The specified key does not exist.";
    NoSuchLifecycleConfiguration 404 "The bucket has no lifecycle rules.";
    NoSuchPublicAccessBlockConfiguration 404 "The bucket has no public access block.";
    NoSuchTagSet 404 "The bucket has no tags.";
    NoSuchUpload 404 "The specified upload does not exist.";
    NoSuchVersion 404 "There is no such version.";
    NoSuchWebsiteConfiguration 404 "The bucket is not a website.";
    NotImplemented 501 "This is not implemented here.";
    NotModified 304 "The object is unchanged.";
    ObjectLockConfigurationNotFoundError 404 "The bucket has no object lock.";
    OperationAborted 409 "Another request changes this at the moment; try again.";
    OwnershipControlsNotFoundError 404 "The bucket has no ownership setting.";
    PreconditionFailed 412 "At least one of the pre-conditions you specified did not hold";
    ReplicationConfigurationNotFoundError 404 "The bucket is not replicated.";
    RequestTimeTooSkewed 403 "The request's date and the server's differ by more than 15 minutes.";
    RequestTimeout 400 "The body did not arrive in time.";
    ServerSideEncryptionConfigurationNotFoundError 404 "The bucket has no encryption setting.";
    ServiceUnavailable 503 "This is unavailable at the moment; try again.";
    SignatureDoesNotMatch 403 "The signature is not that of this request by this key.";
    SlowDown 503 "As many requests are under way as this server takes; try again.";
    UnexpectedContent 400 "The operation takes no body.";
    UnresolvableGrantByEmailAddress 400 "Users have no e-mail addresses here.";
    XAmzContentSHA256Mismatch 400 "The body doesn't have the hash in x-amz-content-sha256.";
}

impl Code {
    /// The status of the response.
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.number()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// The most characters of a message.
const MAX_MESSAGE: usize = 1_000;

/// The most characters of the path in an error: more than three for each byte of a key.
const MAX_RESOURCE: usize = 4_000;

/// Why a request is not answered as it asks.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: Code,
    message: Cow<'static, str>,
    details: Vec<(&'static str, String)>,
    headers: HeaderMap,
}

impl Error {
    /// An error with this message: what is wrong, and what to do.
    /// A message repeats what a client or a store said, so it is cut off where it is long.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        let (mut message, details, headers) = (message.into(), Vec::new(), HeaderMap::new());
        if let Some((end, _)) = message.char_indices().nth(MAX_MESSAGE) {
            message.to_mut().truncate(end);
        }
        Self(Box::new(Inner { code, message, details, headers }))
    }

    /// The code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The text in `<Message>`, which is never empty.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Adds an element to the document, as `<Condition>` and `<ActualObjectSize>`, which
    /// clients read.
    #[must_use]
    pub fn detail(mut self, element: &'static str, text: impl Into<String>) -> Self {
        self.0.details.push((element, text.into()));
        self
    }

    /// Adds a header to the response.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// The headers of the response.
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// The document, for a request with this id whose path, still percent-encoded, is
    /// `resource`.
    pub fn document(&self, resource: &str, request_id: &str) -> String {
        document("Error", |error| {
            error.text("Code", self.0.code.name());
            error.text("Message", &self.0.message);
            for (element, text) in &self.0.details {
                error.text(element, text);
            }
            error.text("Resource", cut(resource));
            error.text("RequestId", request_id);
        })
    }
}

/// The beginning of a path. Escaped, all of it could be several times as long as the head of
/// the request.
fn cut(resource: &str) -> &str {
    let end = resource.char_indices().nth(MAX_RESOURCE).map_or(resource.len(), |(end, _)| end);
    resource.get(..end).unwrap_or_default()
}

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        Self::new(code, code.message())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code.name(), self.0.message)
    }
}

impl std::error::Error for Error {}

/// An error with a formatted message.
macro_rules! error {
    ($code:ident, $($message:tt)+) => {
        $crate::protocol::error::Error::new(
            $crate::protocol::error::Code::$code,
            format!($($message)+),
        )
    };
}

pub(crate) use error;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_status_and_a_message() {
        for code in Code::ALL {
            let status = code.status().as_u16();
            assert!(status == 304 || (400..600).contains(&status), "{code:?}");
            assert!(!Error::from(*code).message().is_empty(), "{code:?}");
        }
        assert_eq!(Code::InternalError.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn a_message_is_cut_off_where_it_is_long() {
        let long = Error::new(Code::InvalidArgument, "é".repeat(5_000));
        assert_eq!(long.message().chars().count(), MAX_MESSAGE);
    }

    #[test]
    fn a_document_names_the_request_and_escapes_what_it_repeats() {
        let error = Error::new(Code::InvalidRange, "too <far>").detail("ActualObjectSize", "0");
        assert_eq!(
            error.document("/b/k&l", "17"),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <Error><Code>InvalidRange</Code><Message>too &lt;far&gt;</Message>\
             <ActualObjectSize>0</ActualObjectSize><Resource>/b/k&amp;l</Resource>\
             <RequestId>17</RequestId></Error>"
        );
    }
}
