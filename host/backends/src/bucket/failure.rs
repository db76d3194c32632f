//! Why a request failed: whether to retry, and which error to return.

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::dns::ResolveDnsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use std::error::Error as StdError;
use std::io::{self, ErrorKind};
use std::time::Duration;
use storage_contract::types::too_long;
use storage_store::Error;

/// Error codes that are worth a retry whatever their status. The ones about digests
/// mean that bytes were damaged on their way to the server; the digests that are sent
/// are valid ones.
const PASSING: &[&str] = &[
    "BadDigest",
    "ConditionalRequestConflict",
    "ContentSHA256Mismatch",
    "IncompleteBody",
    "InternalError",
    "InvalidDigest",
    "OperationAborted",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "TooManyRequests",
    "XAmzContentChecksumMismatch",
    "XAmzContentSHA256Mismatch",
];

/// The longest server message to pass on, in characters.
const MESSAGE: usize = 300;

/// Why a request failed.
pub(super) struct Failure {
    /// HTTP status, if the server answered.
    pub status: Option<u16>,
    /// The server's error code, or empty.
    pub code: String,
    message: String,
    /// Advice for the user, or empty.
    hint: &'static str,
    /// Whether a retry may succeed.
    pub passing: bool,
    /// How long the server asks to wait before a retry.
    pub retry_after: Option<Duration>,
    /// Whether the server may have carried out the request all the same, in this
    /// attempt or an earlier one.
    pub maybe_done: bool,
    /// Whether the server can't be reached.
    pub unreached: bool,
    /// The number of attempts.
    pub attempts: u32,
    /// A successful answer that no XML parser accepts, because it repeats a key
    /// with characters that XML doesn't allow.
    answer: Option<String>,
}

impl Failure {
    /// A failure on this side of the wire that is worth a retry.
    pub(super) fn passing(message: String) -> Self {
        Failure {
            status: None,
            code: String::new(),
            message,
            hint: "",
            passing: true,
            retry_after: None,
            maybe_done: true,
            unreached: false,
            attempts: 1,
            answer: None,
        }
    }

    /// Converts an SDK error.
    pub(super) fn new<E>(error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let status = error.raw_response().map(|raw| raw.status().as_u16());
        let text = chain(&error);
        let answer = error.raw_response().and_then(strange_answer);
        let fresh = Failure { status, ..Self::passing(clean(&text)) };
        if answer.is_some() {
            return Failure { passing: false, answer, ..fresh };
        }
        match &error {
            SdkError::ServiceError(service) => {
                let status = service.raw().status().as_u16();
                let code = service.err().code().map(str::to_owned);
                let code = code.or_else(|| strange_code(service.raw())).unwrap_or_default();
                // An unreadable answer with a success status was damaged on its
                // way.
                let passing = PASSING.contains(&code.as_str())
                    || matches!(status, 200..=299 | 408 | 429 | 500 | 502..=599);
                let after = service.raw().headers().get("retry-after");
                Failure {
                    message: clean(service.err().message().unwrap_or_default()),
                    passing,
                    retry_after: after
                        .and_then(|text| text.trim().parse().ok())
                        .map(Duration::from_secs),
                    // 503 and 429 are refusals; after other 5xx errors the work may
                    // have been done.
                    maybe_done: status < 300 || (status >= 500 && status != 503),
                    code,
                    ..fresh
                }
            }
            SdkError::ConstructionFailure(_) => {
                Failure { passing: false, maybe_done: false, ..fresh }.explained(&error)
            }
            SdkError::DispatchFailure(dispatch) => {
                let (user, unsent) = (dispatch.is_user(), is_unsent(&error));
                let unreached = unsent || has_kind(&error, UNREACHABLE);
                let maybe_done = !user && !unsent;
                Failure { passing: !user, maybe_done, unreached, ..fresh }.explained(&error)
            }
            _ => fresh,
        }
    }

    /// Marks a wrong signature as worth a retry if the keys worked before: the
    /// request was damaged on its way.
    pub(super) fn of_keys(self, trusted: bool) -> Self {
        // Garage says it in the message alone.
        let signature = self.code.contains("Signature") || self.message.contains("ignature");
        let damaged = trusted && signature && self.status == Some(403);
        Failure { passing: self.passing || damaged, ..self }
    }

    /// Adds the number of attempts, and whether any of them may have taken effect.
    pub(super) fn after(self, attempts: u32, maybe_done: bool) -> Self {
        Failure { attempts, maybe_done, ..self }
    }

    /// Recognizes causes that the SDK doesn't tell apart.
    fn explained(self, error: &(dyn StdError + 'static)) -> Self {
        let is_certificate = |cause: &(dyn StdError + 'static)| {
            matches!(cause.downcast_ref(), Some(rustls::Error::InvalidCertificate(_)))
        };
        if causes(error).any(is_certificate) {
            let hint = "; ca_file names certificates to trust";
            return Failure { hint, passing: false, maybe_done: false, ..self };
        }
        match causes(error).find_map(|cause| cause.downcast_ref()) {
            Some(
                CredentialsError::CredentialsNotLoaded(_)
                | CredentialsError::InvalidConfiguration(_),
            ) => Failure {
                hint: "; give s3_access_key and s3_secret_key, or set up the AWS credential chain",
                code: "NoCredentials".to_owned(),
                passing: false,
                maybe_done: false,
                unreached: false,
                ..self
            },
            // A service that gives keys failed, and may not the next time.
            Some(_) => Failure {
                hint: "; no keys could be had",
                maybe_done: false,
                unreached: false,
                ..self
            },
            None => self,
        }
    }

    /// The text of an element in an answer that succeeded but can't be parsed.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        element(self.answer.as_deref()?, name)
    }

    /// A short description of what happened.
    pub(super) fn what(&self) -> String {
        match (self.code.as_str(), self.message.as_str(), self.status) {
            ("", "", Some(200..=299)) => "the answer can't be read".to_owned(),
            ("", "", Some(status)) => format!("the server answered with status {status}"),
            ("", "", None) => "no answer".to_owned(),
            ("", message, _) => message.to_owned(),
            (code, "", _) => code.to_owned(),
            (code, message, _) => format!("{code}: {message}"),
        }
    }

    /// Converts to the contract's error; `at` says where it happened.
    pub(super) fn error(self, at: &str) -> Error {
        let tried = match self.attempts {
            0 | 1 => String::new(),
            attempts => format!(" ({attempts} attempts)"),
        };
        let text = format!("{at}: {}{}{tried}", self.what(), self.hint);
        if self.passing {
            return Error::Unavailable(text);
        }
        match (self.code.as_str(), self.status) {
            ("NoSuchBucket", _) => Error::Other(format!(
                "{at}: there is no such bucket; create it, or correct bucket_name or endpoint_url"
            )),
            ("NoSuchUpload", _) => {
                Error::Unavailable(format!("{at}: the upload was ended by someone else"))
            }
            ("NoCredentials", _) => Error::PermissionDenied(text),
            ("KeyTooLongError", _) => too_long(&text),
            ("EntityTooLarge" | "MetadataTooLarge" | "QuotaExceeded", _) => {
                Error::LimitExceeded(text)
            }
            (
                "PermanentRedirect"
                | "AuthorizationHeaderMalformed"
                | "IllegalLocationConstraintException",
                _,
            )
            | (_, Some(301 | 307)) => Error::InvalidConfig(format!(
                "{text}; the bucket is in another region: correct region or endpoint_url"
            )),
            ("RequestTimeTooSkewed", _) => {
                Error::PermissionDenied(format!("{text}; the clock of this machine is wrong"))
            }
            (_, Some(404)) => Error::NotFound,
            (_, Some(304 | 412)) => Error::PreconditionFailed,
            (_, Some(416)) => Error::InvalidRange,
            (_, Some(401 | 403)) => Error::PermissionDenied(format!(
                "{text}; check the keys, their rights on the bucket, and the region"
            )),
            (_, Some(501)) => Error::Unsupported(text),
            _ => Error::Other(text),
        }
    }
}

/// The code of an error answer that repeats a key as [`Failure::answer`] does.
fn strange_code(raw: &HttpResponse) -> Option<String> {
    element(std::str::from_utf8(raw.body().bytes()?).ok()?, "Code")
}

/// The text of an XML element, without a parser.
fn element(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (value, _) = rest.split_once("</")?;
    Some(value.replace("&quot;", "\"").replace("&#34;", "\"").replace("&amp;", "&"))
}

/// The system may report these in the middle of a request, too.
const UNREACHABLE: &[ErrorKind] = &[ErrorKind::HostUnreachable, ErrorKind::NetworkUnreachable];

/// Whether no connection could be made, so that nothing was sent.
fn is_unsent(error: &(dyn StdError + 'static)) -> bool {
    has_kind(error, &[ErrorKind::ConnectionRefused, ErrorKind::AddrNotAvailable])
        || causes(error).any(|cause| cause.is::<ResolveDnsError>())
}

/// Whether the chain of errors has a system error of one of these kinds.
fn has_kind(error: &(dyn StdError + 'static), kinds: &[ErrorKind]) -> bool {
    causes(error).any(|cause| {
        let io = cause.downcast_ref::<io::Error>();
        io.is_some_and(|error| kinds.contains(&error.kind()))
    })
}

/// An error and its causes, those inside an `io::Error`, too, whose `source` leaves out the
/// first of them.
fn causes<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        inner.map(|inner| inner as &(dyn StdError + 'static)).or_else(|| error.source())
    })
}

fn strange_answer(raw: &HttpResponse) -> Option<String> {
    let text = std::str::from_utf8(raw.body().bytes()?).ok()?;
    let is_strange =
        |c: char| (c < ' ' && !"\t\n\r".contains(c)) || matches!(c, '\u{fffe}' | '\u{ffff}');
    (raw.status().is_success() && text.contains(is_strange)).then(|| text.to_owned())
}

/// Makes a server's text safe to show: shortened, without control characters.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MESSAGE).collect()
}

fn chain(error: &dyn StdError) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if parts.last().is_none_or(|last| !last.contains(&text)) {
            parts.push(text);
        }
        next = error.source();
    }
    parts.join(": ")
}
