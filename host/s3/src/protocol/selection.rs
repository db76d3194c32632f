//! Finds the operation of a request.

use super::error::{Error, Result, error};
use super::operation::Mark;
use super::operations::{ALWAYS, OPERATIONS, OTHERS, Operation};
use super::query::{Parameter, Query};
use super::target::Level;
use http::Method;

/// Finds the operation of a request. `has` tells whether the request has a header with
/// this name. What is not known is never left out to make an operation of the rest.
pub fn select(
    method: &Method,
    level: Level,
    query: &Query,
    has: impl Fn(&str) -> bool,
) -> Result<&'static Operation> {
    let is_marked = |operation: &&Operation| {
        operation.marks.iter().all(|mark| match *mark {
            Mark::Query(name) => query.has(name),
            Mark::Value(name, value) => query.one(name).is_ok_and(|found| found == Some(value)),
            Mark::Header(name) => has(name),
        })
    };
    let of_level = OPERATIONS.iter().filter(|operation| operation.level == level);
    let of_method = of_level.filter(|operation| operation.method == *method);
    let best = of_method.filter(is_marked).max_by_key(|operation| operation.marks.len());
    let Some(operation) = best else { return Err(none(method, level, query)) };
    let own = |name: &str| operation.own_parameters().any(|own| own == name);
    let is_foreign = |parameter: &&Parameter| {
        level == Level::Service && is_of_buckets(&parameter.name) && !own(&parameter.name)
    };
    if let Some(parameter) = query.iter().find(is_foreign) {
        return Err(of_virtual_host(&parameter.name));
    }
    for parameter in query.iter() {
        operation.check(parameter)?;
    }
    for name in operation.own_parameters() {
        query.one(name)?;
    }
    if let Some(id) = query.one("x-id")?
        && id != operation.name
    {
        return Err(error!(NotImplemented, "the operation {id} is not implemented here"));
    }
    let foreign = |mark: &Mark| match *mark {
        Mark::Header(name) if has(name) && !operation.marks.contains(mark) => Some(name),
        _ => None,
    };
    match marks().chain(UNKNOWN_HEADERS).find_map(foreign) {
        Some(name) => Err(error!(
            NotImplemented,
            "{} with the header {name} is not implemented here", operation.name
        )),
        None => Ok(operation),
    }
}

/// Headers by which S3 distinguishes operations that are not in the table.
const UNKNOWN_HEADERS: &[Mark] =
    &[Mark::Header("x-amz-rename-source"), Mark::Header("x-amz-write-offset-bytes")];

fn marks() -> impl Iterator<Item = &'static Mark> {
    OPERATIONS.iter().flat_map(|operation| operation.marks)
}

impl Operation {
    /// Refuses a parameter that asks for another operation. S3 names operations by
    /// parameters without values, so one of those that is not known is refused, too;
    /// unknown ones with values are ignored, as in S3.
    fn check(&self, parameter: &Parameter) -> Result<()> {
        let name = parameter.name.as_str();
        let is_known = self.own_parameters().any(|own| own == name)
            || ALWAYS.contains(&name)
            || name.to_ascii_lowercase().starts_with("x-amz-");
        // Pages add a number to the URL of an object, so that browsers load it anew.
        let is_object =
            self.level == Level::Object && matches!(self.method, Method::GET | Method::HEAD);
        let is_word = !is_object || name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-');
        match (parameter.is_bare() && is_word || is_mark(name)) && !is_known {
            true => {
                Err(error!(NotImplemented, "{} with {name:?} is not implemented here", self.method))
            }
            false => Ok(()),
        }
    }
}

/// Whether this parameter distinguishes operations, here or in S3, whatever its value.
fn is_mark(name: &str) -> bool {
    let marks = marks().filter_map(Mark::parameter).chain(OTHERS.iter().copied());
    marks.into_iter().any(|mark| mark.eq_ignore_ascii_case(name))
}

/// Whether operations on buckets have this parameter.
fn is_of_buckets(name: &str) -> bool {
    let of_buckets = OPERATIONS.iter().filter(|operation| operation.level == Level::Bucket);
    of_buckets.flat_map(Operation::own_parameters).any(|own| own == name)
}

fn of_virtual_host(name: &str) -> Error {
    error!(
        InvalidRequest,
        "{name:?} is for a bucket, and the path names none: a bucket in the name of the host is \
         known only below serve.domain; address it by the path"
    )
}

fn none(method: &Method, level: Level, query: &Query) -> Error {
    let shown = query.iter().find(|parameter| parameter.is_bare() || is_mark(&parameter.name));
    match (level, shown) {
        (Level::Service, Some(Parameter { name, .. })) => of_virtual_host(name),
        (Level::Service, None) => {
            error!(MethodNotAllowed, "{method} is for a bucket or an object; the path names none")
        }
        (_, Some(Parameter { name, .. })) => {
            error!(NotImplemented, "{method} with {name:?} is not implemented here")
        }
        (_, None) => error!(MethodNotAllowed, "there is no such operation of S3 by {method}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(request: &str) -> String {
        find_with(request, &[])
    }

    /// The operation of `METHOD /path?query`, or the code of its error.
    fn find_with(request: &str, headers: &[&str]) -> String {
        let (method, uri) = request.split_once(' ').unwrap();
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let level = match path.trim_matches('/').matches('/').count() {
            _ if path == "/" => Level::Service,
            0 => Level::Bucket,
            _ => Level::Object,
        };
        let query = Query::parse(query).unwrap();
        let found = select(&method.parse().unwrap(), level, &query, |name| headers.contains(&name));
        found.map_or_else(|error| error.code().name(), |operation| operation.name).to_owned()
    }

    #[test]
    fn a_request_is_the_operation_that_its_marks_name() {
        for (request, name) in [
            ("GET /", "ListBuckets"),
            ("GET /b", "ListObjects"),
            ("GET /b?list-type=2&prefix=&delimiter=%2F", "ListObjectsV2"),
            ("GET /b?versions", "ListObjectVersions"),
            ("GET /b?acl=", "GetBucketAcl"),
            ("PUT /b", "CreateBucket"),
            ("POST /b", "PostObject"),
            ("POST /b?delete", "DeleteObjects"),
            ("GET /b/k", "GetObject"),
            ("GET /b/k?x-id=GetObject&response-expires=", "GetObject"),
            ("GET /b/k?X-Amz-Signature=0&X-Amz-Date=", "GetObject"),
            ("GET /b/k?other=1&other=2", "GetObject"),
            ("GET /b/k?7f3k1z", "GetObject"),
            ("HEAD /b/k?partNumber=1", "HeadObject"),
            ("GET /b/k?uploadId=1", "ListParts"),
            ("PUT /b/k", "PutObject"),
            ("PUT /b/k?partNumber=1&uploadId=2", "UploadPart"),
            ("POST /b/k?uploads", "CreateMultipartUpload"),
            ("POST /b/k?uploadId=2", "CompleteMultipartUpload"),
            ("DELETE /b/k?versionId=null", "DeleteObject"),
        ] {
            assert_eq!(find(request), name, "{request}");
        }
        let copied = &["x-amz-copy-source"];
        assert_eq!(find_with("PUT /b/k", copied), "CopyObject");
        assert_eq!(find_with("PUT /b/k?partNumber=1&uploadId=2", copied), "UploadPartCopy");
    }

    #[test]
    fn what_the_table_does_not_know_is_never_another_operation() {
        for request in [
            "DELETE /b?metadataConfiguration",
            "PUT /b/k?renameObject",
            "PUT /b/k?annotation=",
            "PUT /b/k?encryption",
            "DELETE /b/k?annotation",
            "GET /b/k?torrent",
            "POST /b/k?select&select-type=2",
            "PUT /b/k?acl&tagging",
            "PUT /b/k?uploadId=2",
            "PUT /b/k?partNumber=2",
            "GET /b?list-type=1",
            "GET /b?list-type=2&uploads",
            "GET /b/k?list-type=2",
            "PUT /b/k?x-id=RenameObject",
            "PUT /b?inventory&id=1",
            "DELETE /b/k?ACL",
            "DELETE /b/k?ACL=1",
            "DELETE /b?metadataConfiguration=1",
            "DELETE /b?analytics=1&id=x",
            "PUT /b/k?renameObject=1",
            "GET /b/k?torrent=1",
        ] {
            assert_eq!(find(request), "NotImplemented", "{request}");
        }
        for header in ["x-amz-rename-source", "x-amz-write-offset-bytes"] {
            assert_eq!(find_with("PUT /b/k", &[header]), "NotImplemented", "{header}");
        }
        assert_eq!(find_with("PUT /b/k?tagging", &["x-amz-copy-source"]), "NotImplemented");
        assert_eq!(find("PATCH /b/k"), "MethodNotAllowed");
    }

    #[test]
    fn a_request_for_a_bucket_in_the_name_of_the_host_is_told_so() {
        assert_eq!(find("GET /?list-type=2&prefix="), "InvalidRequest");
        assert_eq!(find("GET /?prefix=a&delimiter=%2F"), "InvalidRequest");
        assert_eq!(find("GET /?prefix=a&max-buckets=5"), "ListBuckets");
        assert_eq!(find("PUT /?acl"), "InvalidRequest");
        assert_eq!(find("PUT /"), "MethodNotAllowed");
    }

    #[test]
    fn a_parameter_that_matters_is_there_once() {
        assert_eq!(find("GET /b?prefix=a&prefix=a"), "InvalidArgument");
        assert_eq!(find("GET /b/k?acl&acl"), "InvalidArgument");
        assert_eq!(find("PUT /b/k?partNumber=1&uploadId=2&uploadId=3"), "InvalidArgument");
    }

    #[test]
    fn no_two_rows_of_the_table_are_the_same_request() {
        for (index, row) in OPERATIONS.iter().enumerate() {
            for other in &OPERATIONS[..index] {
                assert_ne!(row.name, other.name);
                let same = (&row.method, row.level, row.marks);
                assert_ne!(same, (&other.method, other.level, other.marks), "{}", row.name);
            }
        }
    }
}
