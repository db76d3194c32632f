//! The policies of forms ("Browser-Based Uploads Using POST" of the S3 API reference): who
//! signed one, and what it allows.

use super::scope::CredentialScope;
use super::secret::Secret;
use super::signed::mismatch;
use crate::protocol::date;
use crate::protocol::error::{Code, Error, Result, error};
use crate::protocol::form_data::FormData;
use crate::protocol::signing::ALGORITHM;
use base64_simd::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha1::Sha1;
use std::time::SystemTime;

/// Fields that need no condition: those of the signature, and the file.
const FREE: [&str; 6] =
    ["awsaccesskeyid", "file", "policy", "signature", "x-amz-signature", "x-amz-security-token"];

/// A policy whose signature was verified.
#[derive(Debug)]
pub struct Policy {
    conditions: Vec<Condition>,
    /// The fewest and the most bytes of the file.
    length: Option<(u64, u64)>,
}

#[derive(Debug)]
enum Condition {
    Equals(String, String),
    StartsWith(String, String),
}

/// Verifies the signature of a form. Returns the access key and the policy; neither for a
/// form without a signature.
pub fn verify(
    form: &FormData,
    secret: impl Fn(&str) -> Option<Secret>,
    v2: bool,
    now: SystemTime,
) -> Result<Option<(String, Policy)>> {
    let v4 = form.field("x-amz-signature");
    let signature = match (v4, form.field("signature")) {
        (None, None) => {
            let names = ["policy", "awsaccesskeyid", "x-amz-credential"];
            return match names.into_iter().any(|name| form.field(name).is_some()) {
                false => Ok(None),
                true => Err(error!(InvalidArgument, "a form with a policy needs a signature")),
            };
        }
        (Some(_), Some(_)) => return Err(error!(InvalidArgument, "a form is signed once")),
        (Some(signature), None) | (None, Some(signature)) => signature,
    };
    if v4.is_none() && !v2 {
        return Err(error!(
            InvalidRequest,
            "signatures of version 2 are not accepted here (serve.signature_v2)"
        ));
    }
    let field = |name: &str| {
        form.field(name).ok_or_else(|| error!(InvalidArgument, "the signed form lacks {name}"))
    };
    let policy = field("policy")?;
    let secret = |key: &str| secret(key).ok_or_else(|| Error::from(Code::InvalidAccessKeyId));
    let access_key = match v4 {
        Some(_) => {
            if field("x-amz-algorithm")? != ALGORITHM {
                return Err(error!(InvalidArgument, "x-amz-algorithm is {ALGORITHM}"));
            }
            let scope = CredentialScope::parse(field("x-amz-credential")?)
                .filter(|scope| scope.service == "s3")
                .ok_or_else(|| {
                    error!(
                        InvalidArgument,
                        "x-amz-credential is ACCESS_KEY/YYYYMMDD/REGION/s3/aws4_request"
                    )
                })?;
            let date = field("x-amz-date")?;
            if date::basic(date).is_none() || date.get(..8) != Some(&scope.date) {
                return Err(error!(
                    InvalidArgument,
                    "x-amz-date is YYYYMMDDTHHMMSSZ, on the day of x-amz-credential"
                ));
            }
            scope.key(&secret(&scope.access_key)?).verify(policy, signature)?;
            scope.access_key
        }
        None => {
            let access_key = field("awsaccesskeyid")?;
            let digest = STANDARD.decode_to_vec(signature).map_err(|_| mismatch())?;
            let secret = secret(access_key)?;
            let mac = <Hmac<Sha1> as KeyInit>::new_from_slice(secret.bytes());
            let mut mac = mac.map_err(|_| mismatch())?;
            mac.update(policy.as_bytes());
            mac.verify_slice(&digest).map_err(|_| mismatch())?;
            access_key.to_owned()
        }
    };
    Ok(Some((access_key, Policy::parse(policy, now)?)))
}

fn invalid(why: &str) -> Error {
    error!(InvalidPolicyDocument, "the policy of the form can't be taken: {why}")
}

fn denied(why: &str) -> Error {
    error!(AccessDenied, "the policy of the form does not allow this: {why}")
}

impl Policy {
    fn parse(policy: &str, now: SystemTime) -> Result<Self> {
        let json = STANDARD.decode_to_vec(policy).map_err(|_| invalid("it is not Base64"))?;
        let json: Value = serde_json::from_slice(&json).map_err(|_| invalid("it is not JSON"))?;
        let expiration = json.get("expiration").and_then(Value::as_str);
        let expiration = expiration.ok_or_else(|| invalid("it has no expiration"))?;
        let expiration = date::iso(expiration)
            .ok_or_else(|| invalid("its expiration is not a time like 2030-01-31T12:00:00Z"))?;
        if now > expiration {
            return Err(denied("it has expired"));
        }
        let listed = json.get("conditions").and_then(Value::as_array);
        let listed = listed.ok_or_else(|| invalid("it has no list of conditions"))?;
        let mut policy = Self { conditions: Vec::new(), length: None };
        for condition in listed {
            policy.add(condition)?;
        }
        Ok(policy)
    }

    fn add(&mut self, condition: &Value) -> Result<()> {
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let odd = || invalid("a condition is of no form that is known");
        match condition {
            Value::Object(pairs) if !pairs.is_empty() => {
                for (name, value) in pairs {
                    let value = text(value).ok_or_else(odd)?;
                    self.conditions.push(Condition::Equals(name.to_ascii_lowercase(), value));
                }
            }
            Value::Array(parts) => {
                let [operator, first, second] = parts.as_slice() else { return Err(odd()) };
                let operator = operator.as_str().ok_or_else(odd)?.to_ascii_lowercase();
                if operator == "content-length-range" {
                    let number = |value: &Value| {
                        value.as_u64().or_else(|| value.as_str()?.parse().ok()).ok_or_else(odd)
                    };
                    if self.length.replace((number(first)?, number(second)?)).is_some() {
                        return Err(invalid("it has two ranges of lengths"));
                    }
                    return Ok(());
                }
                let name = first.as_str().and_then(|name| name.strip_prefix('$'));
                let name = name.ok_or_else(odd)?.to_ascii_lowercase();
                let value = text(second).ok_or_else(odd)?;
                self.conditions.push(match operator.as_str() {
                    "eq" => Condition::Equals(name, value),
                    "starts-with" => Condition::StartsWith(name, value),
                    _ => return Err(odd()),
                });
            }
            _ => return Err(odd()),
        }
        Ok(())
    }

    /// Refuses a form that the policy does not allow. The key is that with the name of the
    /// file in it; checksums need no condition, since they can only make the upload fail.
    pub fn check(&self, form: &FormData, bucket: &str, key: &str) -> Result<()> {
        let value = |name: &str| match name {
            "bucket" => Some(bucket),
            "key" => Some(key),
            name => form.field(name),
        };
        for condition in &self.conditions {
            let (name, holds) = match condition {
                Condition::Equals(name, wanted) => {
                    (name, value(name).is_some_and(|value| value == wanted))
                }
                Condition::StartsWith(name, start) => {
                    // A field that the form leaves out begins with nothing.
                    (name, starts_with(name, value(name).unwrap_or_default(), start))
                }
            };
            if !holds {
                return Err(denied(&format!("the condition on {name} does not hold")));
            }
        }
        let is_named = |name: &str| {
            self.conditions.iter().any(|condition| match condition {
                Condition::Equals(named, _) | Condition::StartsWith(named, _) => named == name,
            })
        };
        let is_free = |name: &str| {
            FREE.contains(&name)
                || name.starts_with("x-ignore-")
                || name.starts_with("x-amz-checksum-")
        };
        let names = form.fields().map(|(name, _)| name).chain(["bucket", "key"]);
        match names.into_iter().find(|name| !is_free(name) && !is_named(name)) {
            None => Ok(()),
            Some(name) => Err(denied(&format!("it has no condition on {name}"))),
        }
    }

    /// The most bytes of the file.
    pub fn most_bytes(&self) -> Option<u64> {
        self.length.map(|(_, most)| most)
    }

    /// Refuses a file that is too short, at its end.
    pub fn check_length(&self, length: u64) -> Result<()> {
        match self.length {
            Some((least, _)) if length < least => {
                Err(error!(EntityTooSmall, "the policy wants at least {least} bytes")
                    .detail("ProposedSize", length.to_string())
                    .detail("MinSizeAllowed", least.to_string()))
            }
            _ => Ok(()),
        }
    }
}

/// A content type may be a list, each item of which has to begin so.
fn starts_with(name: &str, value: &str, start: &str) -> bool {
    match name {
        "content-type" => value.split(',').all(|item| item.trim().starts_with(start)),
        _ => value.starts_with(start),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use futures::{FutureExt, StreamExt, stream};
    use std::time::{Duration, UNIX_EPOCH};

    /// The keys and the date of "Example: Browser-Based Upload using HTTP POST (Using AWS
    /// Signature Version 4)".
    const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn form(fields: &[(&str, &str)]) -> FormData {
        let mut text = String::new();
        for (name, value) in fields {
            text += &format!(
                "--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
        }
        text += "--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n\r\n--x--\r\n";
        let arriving = stream::iter([Ok(Bytes::from(text))]).boxed();
        crate::protocol::form_data::read(arriving, "x").now_or_never().unwrap().unwrap().0
    }

    fn secret(key: &str) -> Option<Secret> {
        (key == KEY).then(|| Secret::new(SECRET))
    }

    fn sign(policy: &str) -> String {
        let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(policy.as_bytes());
        STANDARD.encode_to_string(mac.finalize().into_bytes())
    }

    fn at(text: &str) -> SystemTime {
        date::iso(text).unwrap()
    }

    /// The code of what a policy with these conditions says of a form.
    fn judged(conditions: &str, fields: &[(&str, &str)]) -> &'static str {
        let json = format!(r#"{{"expiration":"2030-01-01T00:00:00Z","conditions":{conditions}}}"#);
        judged_by(&json, fields)
    }

    fn judged_by(json: &str, fields: &[(&str, &str)]) -> &'static str {
        let policy = STANDARD.encode_to_string(json);
        let signature = sign(&policy);
        let own = [("policy", &*policy), ("AWSAccessKeyId", KEY), ("signature", &signature)];
        let form = form(&[&own, fields].concat());
        let found = verify(&form, secret, true, at("2029-01-01T00:00:00Z"));
        let found = found.and_then(|found| found.unwrap().1.check(&form, "b", "up/k"));
        found.map_or_else(|error| error.code().name(), |()| "")
    }

    const BOTH: &str = r#"{"bucket":"b"},["starts-with","$key","up/"]"#;

    #[test]
    fn a_policy_allows_what_its_conditions_name() {
        let with = |more: &str, fields: &[(&str, &str)]| judged(&format!("[{BOTH}{more}]"), fields);
        assert_eq!(with("", &[]), "");
        assert_eq!(with(r#",["starts-with","$x-amz-meta-a",""]"#, &[("x-amz-meta-a", "1")]), "");
        assert_eq!(with(r#",["eq","$ACL","private"]"#, &[("acl", "private")]), "");
        assert_eq!(with("", &[("x-ignore-a", "1"), ("x-amz-checksum-crc32", "1")]), "");
        let kinds = r#",["starts-with","$Content-Type","image/"]"#;
        assert_eq!(with(kinds, &[("Content-Type", "image/png, image/gif")]), "");
        for (more, fields) in [
            (r#",["starts-with","$x-amz-meta-a","1"]"#, &[][..]),
            ("", &[("acl", "public-read")]),
            (r#",["eq","$acl","private"]"#, &[("acl", "public-read")]),
            (kinds, &[("Content-Type", "image/png, text/html")]),
            (r#",{"key":"other"}"#, &[]),
        ] {
            assert_eq!(with(more, fields), "AccessDenied", "{more} {fields:?}");
        }
        for conditions in [r#"[{"bucket":"b"}]"#, r#"[["starts-with","$key",""]]"#, "[]"] {
            assert_eq!(judged(conditions, &[]), "AccessDenied", "{conditions}");
        }
        assert_eq!(judged(&format!("[{}]", BOTH.replace("\"b\"", "\"c\"")), &[]), "AccessDenied");
    }

    #[test]
    fn a_policy_that_can_not_be_read_is_refused() {
        for more in [
            ",{}",
            ",[]",
            r#",["content-length-range",1]"#,
            r#",["content-length-range",-1,0]"#,
            r#",["ends-with","$key","k"]"#,
            r#",["eq","key","k"]"#,
            ",7",
        ] {
            let found = judged(&format!("[{BOTH}{more}]"), &[]);
            assert_eq!(found, "InvalidPolicyDocument", "{more}");
        }
        let ok = r#""expiration":"2030-01-01T00:00:00Z""#;
        for (json, code) in [
            ("", "InvalidPolicyDocument"),
            ("{}", "InvalidPolicyDocument"),
            (&*format!("{{{ok}}}"), "InvalidPolicyDocument"),
            (&format!("{{{ok},\"CONDITIONS\":[]}}"), "InvalidPolicyDocument"),
            (r#"{"expiration":"2030-01-01 00:00","conditions":[]}"#, "InvalidPolicyDocument"),
            (r#"{"expiration":"2001-01-01T00:00:00Z","conditions":[]}"#, "AccessDenied"),
        ] {
            assert_eq!(judged_by(json, &[]), code, "{json}");
        }
    }

    #[test]
    fn the_file_has_the_length_that_the_policy_wants() {
        let json =
            r#"{"expiration":"2030-01-01T00:00:00Z","conditions":[["content-length-range",2,5]]}"#;
        let policy = Policy::parse(&STANDARD.encode_to_string(json), UNIX_EPOCH).unwrap();
        assert_eq!(policy.most_bytes(), Some(5));
        assert!(policy.check_length(2).is_ok() && policy.check_length(1).is_err());
    }

    #[test]
    fn a_form_is_signed_by_someone_or_not_at_all() {
        let policy = STANDARD.encode_to_string(format!(
            r#"{{"expiration":"2030-01-01T00:00:00Z","conditions":[{BOTH}]}}"#
        ));
        let scope =
            CredentialScope::parse(&format!("{KEY}/20151229/us-east-1/s3/aws4_request")).unwrap();
        let v4 = scope.key(&Secret::new(SECRET)).sign(&policy);
        let credential = format!("{KEY}/{}", scope.text());
        let good = [
            ("policy", &*policy),
            ("x-amz-algorithm", ALGORITHM),
            ("x-amz-credential", &credential),
            ("x-amz-date", "20151229T000000Z"),
            ("x-amz-signature", &v4),
        ];
        let code = |fields: &[(&str, &str)]| {
            let found = verify(&form(fields), secret, true, UNIX_EPOCH + Duration::from_secs(1));
            found.map_or_else(|e| e.code().name(), |found| found.map_or("nobody", |_| "signed"))
        };
        let changed = |at: usize, value: &str| {
            let mut fields = good.map(|(name, value)| (name, value.to_owned()));
            fields[at].1 = value.to_owned();
            code(&fields.each_ref().map(|(name, value)| (*name, value.as_str())))
        };
        assert_eq!((code(&good), code(&[])), ("signed", "nobody"));
        for at in 0..good.len() {
            let left: Vec<_> = (0..good.len()).filter(|n| *n != at).map(|n| good[n]).collect();
            assert_eq!(code(&left), "InvalidArgument", "without {}", good[at].0);
        }
        assert_eq!(changed(0, &STANDARD.encode_to_string("{}")), "SignatureDoesNotMatch");
        assert_eq!(changed(2, &credential.replace(KEY, "X")), "InvalidAccessKeyId");
        assert_eq!(changed(2, &credential.replace("s3", "sts")), "InvalidArgument");
        assert_eq!(changed(3, "20151230T000000Z"), "InvalidArgument");
        let two = [&good[..], &[("signature", "x")]].concat();
        assert_eq!(code(&two), "InvalidArgument");
        let old = [("policy", &*policy), ("awsaccesskeyid", KEY), ("signature", &sign(&policy))];
        assert_eq!(code(&old), "signed");
        let off = verify(&form(&old), secret, false, UNIX_EPOCH);
        assert!(off.unwrap_err().message().contains("serve.signature_v2"));
    }
}
