//! The operations on the CORS rules of buckets.

use crate::call::Call;
use crate::cors_rule::Rule;
use crate::protocol::error::{Code, Error, Result, error};
use crate::protocol::response::{Response, empty, xml};
use crate::protocol::xml::read::{Element, read};
use crate::protocol::xml::write::document;
use http::StatusCode;

/// The S3 limit on rules per bucket.
const MAX_RULES: usize = 100;

/// GetBucketCors.
pub fn get(call: &Call) -> Result<Response> {
    let rules = &call.bucket()?.state.cors;
    if rules.is_empty() {
        return Err(Error::from(Code::NoSuchCORSConfiguration));
    }
    Ok(xml(document("CORSConfiguration", |all| {
        for rule in rules {
            all.element("CORSRule", |shown| {
                shown.optional("ID", rule.id.as_deref());
                rule.headers.iter().for_each(|header| shown.text("AllowedHeader", header));
                rule.methods.iter().for_each(|method| shown.text("AllowedMethod", method));
                rule.origins.iter().for_each(|origin| shown.text("AllowedOrigin", origin));
                rule.expose.iter().for_each(|header| shown.text("ExposeHeader", header));
                if let Some(seconds) = rule.max_age {
                    shown.value("MaxAgeSeconds", seconds);
                }
            });
        }
    })))
}

/// PutBucketCors.
pub async fn put(call: &Call, body: &[u8]) -> Result<Response> {
    let root = read(body, "CORSConfiguration")?;
    let rules: Vec<Rule> = root.all("CORSRule").map(rule).collect::<Result<_>>()?;
    if rules.is_empty() || rules.len() > MAX_RULES {
        return Err(error!(MalformedXML, "a bucket has 1 to {MAX_RULES} rules"));
    }
    if let Some(problem) = rules.iter().find_map(Rule::problem) {
        return Err(error!(InvalidRequest, "{problem}"));
    }
    change(call, &rules).await?;
    Ok(empty(StatusCode::OK))
}

fn rule(rule: &Element) -> Result<Rule> {
    rule.only(&[
        "ID",
        "AllowedHeader",
        "AllowedMethod",
        "AllowedOrigin",
        "ExposeHeader",
        "MaxAgeSeconds",
    ])?;
    let all = |name: &str| rule.all(name).map(|element| element.text().trim().to_owned()).collect();
    Ok(Rule {
        id: rule.text_of("ID")?.map(str::to_owned),
        origins: all("AllowedOrigin"),
        methods: all("AllowedMethod"),
        headers: all("AllowedHeader"),
        expose: all("ExposeHeader"),
        max_age: rule.parsed("MaxAgeSeconds")?,
    })
}

/// DeleteBucketCors.
pub async fn delete(call: &Call) -> Result<Response> {
    if !call.bucket()?.state.cors.is_empty() {
        change(call, &[]).await?;
    }
    Ok(empty(StatusCode::NO_CONTENT))
}

async fn change(call: &Call, rules: &[Rule]) -> Result<()> {
    let change = call.change_bucket(|state| {
        state.cors = rules.to_vec();
        Ok(())
    });
    change.await
}
