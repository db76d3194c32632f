//! Downloads one artifact.

use super::client::Client;
use super::client::{Sent, at_once};
use super::digest::Digest;
use super::layout::{COMPONENT, INDEX, Layer, MANIFEST, layer};
use super::reference::Reference;
use http::Method;
use sha2::{Digest as _, Sha256};
use std::io::{Read, Write};

/// A downloaded component.
#[derive(Debug)]
pub struct Pulled {
    /// The manifest's digest, which pins this exact artifact.
    pub manifest: Digest,
    /// The component's digest.
    pub component: Digest,
    /// The component's size in bytes.
    pub size: u64,
}

/// Downloads an artifact's component to `to`. After an error, discard what was written.
/// Blocks.
pub fn pull(
    client: &mut Client,
    reference: &Reference,
    to: &mut impl Write,
) -> Result<Pulled, String> {
    let (manifest, found) = manifest(client, reference)
        .map_err(|error| format!("the manifest of {reference}: {error}"))?;
    let component = component(client, &found, to)
        .map_err(|error| format!("the component of {reference}: {error}"))?;
    Ok(Pulled { manifest, component, size: found.size })
}

fn manifest(client: &mut Client, reference: &Reference) -> Result<(Digest, Layer), String> {
    let from = format!("/manifests/{}", reference.manifest());
    let accept = format!("{MANIFEST}, {INDEX}");
    let answer = client.ask(&Method::GET, &from, &accept, Sent::Nothing)?;
    if !answer.status().is_success() {
        return Err(client.failure("it can't be had", answer));
    }
    let named = answer.headers().get("docker-content-digest");
    let named = named.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let bytes = at_once(answer, &reference.registry)?;
    let digest = Digest::of(&bytes);
    if let Some(wanted) = reference.digest.as_ref().filter(|wanted| **wanted != digest) {
        return Err(format!("it has the digest {digest}, and not {wanted}"));
    }
    // Only SHA-256 digests can be compared.
    let named = named.filter(|named| named.starts_with("sha256:"));
    if let Some(named) = named.filter(|named| *named != digest.to_string()) {
        return Err(format!(
            "it has the digest {digest}, and the registry says {:?}: something on the way \
             changes it",
            super::shown::shown(&named)
        ));
    }
    Ok((digest, layer(&bytes)?))
}

fn component(client: &mut Client, found: &Layer, to: &mut impl Write) -> Result<Digest, String> {
    let from = format!("/blobs/{}", found.digest);
    let answer = client.ask(&Method::GET, &from, "*/*", Sent::Nothing)?;
    if !answer.status().is_success() {
        return Err(client.failure("it can't be had", answer));
    }
    // One extra byte shows that the answer is too long.
    let mut body = answer.into_body().into_reader().take(found.size.saturating_add(1));
    let (mut hash, mut count) = (Sha256::new(), 0_u64);
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let read = body.read(&mut chunk).map_err(|error| {
            format!("it broke off after {count} of {} bytes: {error}", found.size)
        })?;
        let Some(read) = chunk.get(..read).filter(|read| !read.is_empty()) else { break };
        if count == 0 && !COMPONENT.starts_with(read.get(..COMPONENT.len()).unwrap_or(read)) {
            return Err("it is not a WebAssembly component".to_owned());
        }
        count = count.saturating_add(read.len() as u64);
        if count > found.size {
            return Err(format!(
                "it has more than the {} bytes that the manifest names",
                found.size
            ));
        }
        hash.update(read);
        to.write_all(read).map_err(|error| format!("it can't be written: {error}"))?;
    }
    if count < found.size {
        return Err(format!("it ended after {count} of {} bytes", found.size));
    }
    let digest = Digest::from_hash(hash);
    if digest != found.digest {
        return Err(format!(
            "it has the digest {digest}, and not {} as the manifest says",
            found.digest
        ));
    }
    if count < COMPONENT.len() as u64 {
        return Err("it is not a WebAssembly component".to_owned());
    }
    Ok(digest)
}
