//! The layout of a component as an OCI artifact, compatible with `wkg`: a manifest, its
//! config, and one WebAssembly layer.

use super::digest::Digest;
use super::shown::shown;
use serde_json::{Value, json};
use storage_sandbox::plugin::MAX_COMPONENT;
use storage_sandbox::plugin::inspect::names;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The media type of a manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The media type of a list of manifests, requested only to recognize one.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The media type of the config.
pub const CONFIG: &str = "application/vnd.wasm.config.v0+json";

/// The media type of the layer.
pub const LAYER: &str = "application/wasm";

/// The first bytes of a component: the WebAssembly magic, a version, and the layer
/// number of components.
pub const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// A manifest's layer.
#[derive(Debug, PartialEq, Eq)]
pub struct Layer {
    /// The digest of its bytes.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// Finds the component in a manifest. Errors say what the manifest holds instead.
pub fn layer(manifest: &[u8]) -> Result<Layer, String> {
    let manifest: Value =
        serde_json::from_slice(manifest).map_err(|error| format!("it is not JSON: {error}"))?;
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(shown);
    if manifest.get("manifests").is_some() {
        return Err("it is a list of several artifacts; name one by its digest".to_owned());
    }
    let kind = manifest.get("config").and_then(|config| text(config, "mediaType"));
    if kind.as_deref() != Some(CONFIG) {
        let kind = kind.unwrap_or_else(|| "none".to_owned());
        return Err(format!(
            "it is not a WebAssembly component: the type of its config is {kind:?}, and that of a component \
             {CONFIG:?}"
        ));
    }
    let layers = manifest.get("layers").and_then(Value::as_array);
    let layers = layers.map(Vec::as_slice).unwrap_or_default();
    let [layer] = layers else {
        return Err(format!("it has {} layers, and a component has one", layers.len()));
    };
    let kind = text(layer, "mediaType").unwrap_or_default();
    if kind != LAYER {
        return Err(format!("its layer is of the type {kind:?}, and not {LAYER:?}"));
    }
    let digest = layer.get("digest").and_then(Value::as_str).unwrap_or_default();
    let size = layer.get("size").and_then(Value::as_u64).ok_or("its layer has no size")?;
    if size > MAX_COMPONENT {
        return Err(format!(
            "the component has {size} bytes, and at most {} MiB are taken",
            MAX_COMPONENT >> 20
        ));
    }
    Ok(Layer { digest: Digest::parse(digest)?, size })
}

/// Builds the config and the manifest of a component.
pub fn artifact(component: &[u8]) -> Result<(Vec<u8>, Vec<u8>), String> {
    if !component.starts_with(COMPONENT) {
        return Err("it is not a WebAssembly component".to_owned());
    }
    let (imports, exports) = names(component)?;
    let created = OffsetDateTime::now_utc().format(&Rfc3339).map_err(|error| error.to_string())?;
    let digest = Digest::of(component).to_string();
    let config = json!({
        "created": created, "author": null, "architecture": "wasm", "os": "wasip2",
        "layerDigests": [digest],
        "component": {"exports": exports, "imports": imports, "target": null},
    });
    let config = config.to_string().into_bytes();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {
            "mediaType": CONFIG, "digest": Digest::of(&config).to_string(), "size": config.len(),
        },
        "layers": [{"mediaType": LAYER, "digest": digest, "size": component.len()}],
    });
    Ok((config, manifest.to_string().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(config: &str, layers: Value) -> Vec<u8> {
        let manifest =
            json!({"schemaVersion": 2, "config": {"mediaType": config}, "layers": layers});
        manifest.to_string().into_bytes()
    }

    #[test]
    fn the_component_is_found() {
        let (config, made) = artifact(COMPONENT).unwrap();
        let found = layer(&made).unwrap();
        assert_eq!(found, Layer { digest: Digest::of(COMPONENT), size: 8 });
        let config: Value = serde_json::from_slice(&config).unwrap();
        assert_eq!(config["layerDigests"][0], found.digest.to_string());
    }

    #[test]
    fn what_is_no_component_says_what_it_is() {
        let digest = Digest::of(b"").to_string();
        let one = json!({"mediaType": LAYER, "digest": digest, "size": 1});
        let image = "application/vnd.oci.image.config.v1+json";
        for (bytes, wanted) in [
            (b"{".to_vec(), "not JSON"),
            (br#"{"manifests": []}"#.to_vec(), "several"),
            (manifest(image, json!([one])), image),
            (manifest(CONFIG, json!([])), "0 layers"),
            (manifest(CONFIG, json!([one, one])), "2 layers"),
            (manifest(CONFIG, json!([{"mediaType": "x", "digest": digest, "size": 1}])), "\"x\""),
            (
                manifest(CONFIG, json!([{"mediaType": LAYER, "digest": "md5:1", "size": 1}])),
                "digest",
            ),
            (manifest(CONFIG, json!([{"mediaType": LAYER, "digest": digest}])), "no size"),
            (
                manifest(CONFIG, json!([{"mediaType": LAYER, "digest": digest, "size": -1}])),
                "no size",
            ),
            (
                manifest(
                    CONFIG,
                    json!([{"mediaType": LAYER, "digest": digest, "size": MAX_COMPONENT + 1}]),
                ),
                "64 MiB",
            ),
        ] {
            let error = layer(&bytes).unwrap_err();
            assert!(error.contains(wanted), "{error}");
        }
        assert!(artifact(b"\0asm\x01\0\0\0").is_err());
    }
}
