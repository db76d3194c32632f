//! Where the signature of a request is.

use super::error::{Result, error};
use super::head::Head;
use super::query::Query;
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// The algorithm of version 4, with which its header begins.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The parameters of a URL that is signed by version 4. None of them may stand beside a
/// header: the same signature would hold for both, and the URL would not expire.
const V4: [&str; 6] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
];

/// Where a signature is, and by which version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signing {
    /// There is none.
    Unsigned,
    /// Version 2, in the header `Authorization`.
    V2Header,
    /// Version 2, in the URL.
    V2Query,
    /// Version 4, in the header `Authorization`.
    V4Header,
    /// Version 4, in the URL.
    V4Query,
}

impl Signing {
    /// Where the signature of a request is. Nothing of it is verified yet.
    pub fn of(headers: &HeaderMap, query: &Query) -> Result<Self> {
        let authorization = Head::new(headers, None).one(AUTHORIZATION.as_str())?;
        let is_v4 = |name: &str| V4.iter().any(|own| own.eq_ignore_ascii_case(name));
        let v4 = query.iter().any(|parameter| is_v4(&parameter.name));
        match (v4, query.has("Signature"), authorization) {
            (true, false, None) => Ok(Self::V4Query),
            (false, true, None) => Ok(Self::V2Query),
            (false, false, None) => Ok(Self::Unsigned),
            (true, ..) | (_, true, _) => Err(error!(
                InvalidArgument,
                "a request is signed once: by the header Authorization or by its query"
            )),
            (_, _, Some(text)) if text.starts_with(ALGORITHM) => Ok(Self::V4Header),
            (_, _, Some(text)) if text.starts_with("AWS ") => Ok(Self::V2Header),
            (_, _, Some(_)) => {
                Err(error!(InvalidRequest, "the header Authorization is not of a form that S3 has"))
            }
        }
    }

    /// The parameters that stand for headers: those of a URL signed by version 4.
    pub fn parameters<'a>(&self, query: &'a Query) -> Option<&'a Query> {
        (*self == Self::V4Query).then_some(query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_signed_in_one_place() {
        let signing = |query: &str, authorization: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.extend(authorization.map(|text| (AUTHORIZATION, text.parse().unwrap())));
            Signing::of(&headers, &Query::parse(query).unwrap())
                .map_err(|error| error.code().name())
        };
        assert_eq!(signing("", None), Ok(Signing::Unsigned));
        assert_eq!(signing("Signature=0", None), Ok(Signing::V2Query));
        assert_eq!(signing("X-Amz-Signature=0", None), Ok(Signing::V4Query));
        assert_eq!(signing("X-Amz-%53ignature=0", None), Ok(Signing::V4Query));
        assert_eq!(signing("", Some("AWS K:s")), Ok(Signing::V2Header));
        // What is left out is missed when the signature is verified.
        assert_eq!(signing("x-amz-algorithm=AWS4-HMAC-SHA256", None), Ok(Signing::V4Query));
        assert_eq!(signing("Signature=0&X-Amz-Signature=0", None), Err("InvalidArgument"));
        // A signed URL is not made a signed header, with the rest of its parameters.
        let header = Some("AWS4-HMAC-SHA256 Credential=K");
        assert_eq!(signing("X-Amz-Expires=5&X-Amz-Date=D", header), Err("InvalidArgument"));
        assert_eq!(signing("x-amz-%65xpires=5", header), Err("InvalidArgument"));
        assert_eq!(signing("x-amz-acl=private", header), Ok(Signing::V4Header));
        assert_eq!(signing("Signature=0", Some("AWS K:s")), Err("InvalidArgument"));
    }
}
