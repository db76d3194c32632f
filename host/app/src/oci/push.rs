//! Uploads one artifact.

use super::client::Client;
use super::client::Sent;
use super::digest::Digest;
use super::layout::{MANIFEST, artifact};
use super::reference::Reference;
use http::Method;
use http::StatusCode;

/// Uploads a component and returns its manifest's digest. Skips blobs that the registry
/// has already. Blocks.
pub fn push(
    client: &mut Client,
    reference: &Reference,
    component: &[u8],
) -> Result<Digest, String> {
    let (config, manifest) = artifact(component)?;
    for blob in [component, config.as_slice()] {
        upload(client, blob).map_err(|error| format!("a part of {reference}: {error}"))?;
    }
    let digest = Digest::of(&manifest);
    if let Some(wanted) = reference.digest.as_ref().filter(|wanted| **wanted != digest) {
        return Err(format!("{reference}: the artifact has the digest {digest}, and not {wanted}"));
    }
    let to = format!("/manifests/{}", reference.manifest());
    let answer = client.ask(&Method::PUT, &to, "*/*", Sent::Bytes(&manifest, MANIFEST))?;
    match answer.status() {
        StatusCode::CREATED | StatusCode::OK => Ok(digest),
        _ => Err(client.failure(&format!("{reference} was not taken"), answer)),
    }
}

fn upload(client: &mut Client, blob: &[u8]) -> Result<(), String> {
    let digest = Digest::of(blob);
    let there = client.ask(&Method::HEAD, &format!("/blobs/{digest}"), "*/*", Sent::Nothing)?;
    if there.status().is_success() {
        return Ok(());
    }
    let begun = client.ask(&Method::POST, "/blobs/uploads/", "*/*", Sent::Nothing)?;
    if begun.status() != StatusCode::ACCEPTED {
        return Err(client.failure("no upload was begun", begun));
    }
    let place = client.location(&begun, &client.home())?.to_string();
    let separator = if place.contains('?') { '&' } else { '?' };
    // A query may contain an unescaped colon.
    let place = format!("{place}{separator}digest={digest}");
    let sent = Sent::Bytes(blob, "application/octet-stream");
    let answer = client.ask_at(&Method::PUT, &place, "*/*", sent)?;
    match answer.status() {
        StatusCode::CREATED => Ok(()),
        _ => Err(client.failure("it was not taken", answer)),
    }
}
