//! Turns a transformer into a pack of stores by composing its component with an adapter
//! that the host brings. The transformer reaches the stores only through the adapter.

use crate::guests::TRANSFORMING;
use anyhow::Context;
use wac_graph::types::{Package, are_semver_compatible};
use wac_graph::{CompositionGraph, EncodeOptions, PackageId};

/// The interface that joins the two, as [`TRANSFORMING`] imports it.
const TRANSFORM: &str = "storage:object-store/transform@0.1.0";

/// Composes a component of the world `decorator-pack` from a transformer.
pub fn compose(transformer: &[u8]) -> Result<Vec<u8>, String> {
    pack(transformer).map_err(|error| format!("no store can be made of it: {error:#}"))
}

fn pack(transformer: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let types = graph.types_mut();
    let pack = Package::from_bytes("storage:transforming", None, TRANSFORMING, types)?;
    let own = Package::from_bytes("storage:transformer", None, transformer, types)?;
    let pack = graph.register_package(pack)?;
    let own = graph.register_package(own)?;
    let exports = |package: PackageId| -> Vec<String> {
        graph.types()[graph[package].ty()].exports.keys().cloned().collect()
    };
    let (pack_exports, own_exports) = (exports(pack), exports(own));
    let transform = own_exports.iter().find(|name| are_semver_compatible(name, TRANSFORM));
    let transform = transform.with_context(|| format!("it does not export {TRANSFORM}"))?;

    let own = graph.instantiate(own);
    let transform = graph.alias_instance_export(own, transform)?;
    let pack = graph.instantiate(pack);
    // The error's causes name the function or type.
    graph
        .set_instantiation_argument(pack, TRANSFORM, transform)
        .context("its transform is not that of the contract")?;
    for name in &pack_exports {
        let export = graph.alias_instance_export(pack, name)?;
        graph.export(export, name)?;
    }
    // The engine validates what it compiles.
    let options = EncodeOptions { define_components: true, validate: false, processor: None };
    Ok(graph.encode(options)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::inspect::inspect;

    #[test]
    fn the_other_half_asks_for_its_bases_and_a_transform_alone() {
        let refused = inspect(TRANSFORMING).unwrap_err();
        assert!(refused.contains(TRANSFORM), "{refused}");
    }

    #[test]
    fn what_offers_no_transform_makes_no_pack() {
        let error = compose(crate::guests::DECORATORS).unwrap_err();
        assert!(error.contains("does not export storage:object-store/transform"), "{error}");
        assert!(compose(b"hello").is_err());
    }
}
