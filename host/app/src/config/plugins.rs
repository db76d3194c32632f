//! The `plugins:` section: components that provide further store types.

use super::problem::Problem;
use super::schema::Converter;
use super::sources::Sources;
use super::yaml::{Data, Node, entry};
use storage_sandbox::options::{PluginDef, PluginOptions, Refusal, is_name};
use storage_sandbox::type_info::TypeInfo;

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
    let options: Option<PluginOptions> = converter.options(node, "");
    let mut report = |property: &str, message: &str| {
        let place = entry(node, property).unwrap_or(node).place;
        converter.problems.push(Problem { place, message: message.to_owned() });
    };
    let options = options.map(|options| PluginOptions {
        component: sources.directory.join(&options.component),
        sha256: options.sha256.map(|digest| digest.to_lowercase()),
        ..options
    });
    if let Some(digest) = options.as_ref().and_then(|options| options.sha256.as_ref())
        && (digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()))
    {
        let text = "sha256 has 64 hexadecimal digits; `storage-host plugin inspect` prints it";
        report("sha256", text);
    }
    if options.as_ref().is_some_and(|options| options.config_env.iter().any(String::is_empty)) {
        report("config_env", "config_env has the names of environment variables, and one is empty");
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
    let options = options?;
    (converter.problems.len() == before).then_some(PluginDef { name, options })
}
