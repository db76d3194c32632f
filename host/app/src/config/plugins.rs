//! The `plugins:` section: components that provide further store types.

use super::problem::{Problem, Problems};
use super::schema::Converter;
use super::sources::Sources;
use super::yaml::{Data, Node, entry};
use serde_json::Value;
use std::time::Duration;
use storage_sandbox::options::Refusal;
use storage_sandbox::options::{MEMORY, PluginDef, PluginLimits, SCHEMA, TIME, is_name};
use storage_sandbox::type_info::TypeInfo;
use storage_store::units;

/// Loads every plug-in of the section. Returns the plug-ins and their store
/// types.
pub(super) fn read(
    converter: &mut Converter<'_>,
    section: &Node,
    sources: &mut Sources<'_>,
) -> (Vec<PluginDef>, Vec<TypeInfo>) {
    let (mut defs, mut types) = (Vec::new(), Vec::new());
    let Data::Map(entries) = &section.data else {
        let message =
            format!("\"plugins\" must be a mapping of names to plug-ins, not {}", section.what());
        converter.problems.push(Problem { place: section.place, message });
        return (defs, types);
    };
    for (key, node) in entries {
        let Some(def) = one(converter, key, node, sources) else { continue };
        match (sources.plugins)(&def) {
            Ok(own) => types.extend(own),
            Err(refusal) => {
                let (at, text) = match refusal {
                    Refusal::Component(text) => (entry(node, "component"), text),
                    Refusal::Sha256(text) => (entry(node, "sha256"), text),
                };
                let message = format!("plug-in {:?}: {text}", def.name);
                converter.problems.push(Problem { place: at.unwrap_or(node).place, message });
            }
        }
        defs.push(def);
    }
    (defs, types)
}

fn one(
    converter: &mut Converter<'_>,
    key: &Node,
    node: &Node,
    sources: &Sources<'_>,
) -> Option<PluginDef> {
    let before = converter.problems.len();
    let name = key.text().unwrap_or_default().to_owned();
    let schema = serde_json::from_str(SCHEMA).unwrap_or_default();
    let value = converter.value(node, &schema, "");
    let sha256 = value["sha256"].as_str().map(str::to_lowercase);
    let limits = limits(converter, &value["limits"], entry(node, "limits"));
    if let Some((text, node)) = sha256.as_ref().zip(entry(node, "sha256"))
        && (text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()))
    {
        let message = "sha256 has 64 hexadecimal digits; `storage-host plugin inspect` prints it";
        converter.problems.push(Problem { place: node.place, message: message.to_owned() });
    }
    for problem in converter.problems.since(before) {
        problem.message = format!("plug-in {name:?}: {}", problem.message);
    }
    if !is_name(&name) {
        let message = format!(
            "{name:?} can't name a plug-in: at most 64 letters, digits, \"-\" and \"_\", \
             beginning with a letter or digit"
        );
        converter.problems.push(Problem { place: key.place, message });
    }
    if converter.problems.len() > before {
        return None;
    }
    let names = value["config_env"].as_array().into_iter().flatten();
    Some(PluginDef {
        component: sources.directory.join(value["component"].as_str().unwrap_or_default()),
        sha256,
        limits,
        config_env: names.filter_map(Value::as_str).map(str::to_owned).collect(),
        name,
    })
}

fn limits(converter: &mut Converter<'_>, value: &Value, node: Option<&Node>) -> PluginLimits {
    let mut limits = PluginLimits::default();
    let mut problems = Problems::default();
    let mut report = |name: &str, message: String| {
        let Some(node) = node.map(|node| entry(node, name).unwrap_or(node)) else { return };
        let message = format!("limits.{name} {message}");
        problems.push(Problem { place: node.place, message });
    };
    let mut size = |name: &str, limit: &mut u64, range: std::ops::RangeInclusive<u64>| match value
        .get(name)
        .map(units::bytes)
    {
        None => {}
        Some(Ok(bytes)) if range.contains(&bytes) => *limit = bytes,
        Some(Ok(_)) => report(
            name,
            format!(
                "must lie between {} and {}",
                units::show_bytes(*range.start()),
                units::show_bytes(*range.end())
            ),
        ),
        Some(Err(message)) => report(name, message),
    };
    size("memory", &mut limits.memory, MEMORY);
    size("object_size", &mut limits.object_size, 1..=1 << 60);
    let mut time = |name: &str, limit: &mut Duration| match value.get(name).map(units::duration) {
        None => {}
        Some(Ok(time)) if TIME.contains(&time) => *limit = time,
        Some(Ok(_)) => report(name, format!("must lie between {TIME:?}")),
        Some(Err(message)) => report(name, message),
    };
    time("call_timeout", &mut limits.call_timeout);
    time("cpu_time", &mut limits.cpu_time);
    time("fuel", &mut limits.cpu_time);
    if value.get("cpu_time").is_some() && value.get("fuel").is_some() {
        report("fuel", "is the earlier name of cpu_time: give one of them".to_owned());
    }
    if let Some(instances) = value["instances"].as_u64().and_then(|n| usize::try_from(n).ok()) {
        limits.instances = instances;
    }
    converter.problems.extend(problems);
    limits
}
