//! Where the signature of a request is.

use crate::protocol::error::{Result, error};
use crate::protocol::head::Head;
use crate::protocol::query::Query;
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// The algorithm of version 4, with which the header begins.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Where a signature is, and by which version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
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

impl Form {
    /// The form of the signature of a request. Nothing of it is verified yet.
    pub fn of(headers: &HeaderMap, query: &Query) -> Result<Self> {
        let authorization = Head::new(headers, None).one(AUTHORIZATION.as_str())?;
        let in_query = [("X-Amz-Signature", Self::V4Query), ("Signature", Self::V2Query)];
        let mut forms = in_query.into_iter().filter(|(name, _)| query.has(name));
        let form = forms.next().map(|(_, form)| form);
        if forms.next().is_some() || (form.is_some() && authorization.is_some()) {
            return Err(error!(
                InvalidArgument,
                "a request is signed once: by the header Authorization or by its query"
            ));
        }
        match (form, authorization) {
            (Some(form), _) => Ok(form),
            (None, None) => Ok(Self::Unsigned),
            (None, Some(text)) if text.starts_with(ALGORITHM) => Ok(Self::V4Header),
            (None, Some(text)) if text.starts_with("AWS ") => Ok(Self::V2Header),
            (None, Some(_)) => {
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
    fn the_form_of_a_signature_is_one() {
        let form = |query: &str, authorization: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.extend(authorization.map(|text| (AUTHORIZATION, text.parse().unwrap())));
            Form::of(&headers, &Query::parse(query).unwrap()).map_err(|error| error.code().name())
        };
        assert_eq!(form("", None), Ok(Form::Unsigned));
        assert_eq!(form("Signature=0", None), Ok(Form::V2Query));
        assert_eq!(form("X-Amz-Signature=0", None), Ok(Form::V4Query));
        assert_eq!(form("X-Amz-%53ignature=0", None), Ok(Form::V4Query));
        assert_eq!(form("", Some("AWS K:s")), Ok(Form::V2Header));
        assert_eq!(form("Signature=0&X-Amz-Signature=0", None), Err("InvalidArgument"));
        assert_eq!(form("Signature=0", Some("AWS K:s")), Err("InvalidArgument"));
    }
}
