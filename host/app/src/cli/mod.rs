//! The command line.

mod support;
mod verbs;

use clap::{CommandFactory, Parser, Subcommand};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use storage_store::request_context::{RequestContext, scope};
use support::context::Context;
use support::exit::{self, Outcome};
use support::output::{self, tell};
use support::report;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{Directive, LevelFilter};
use verbs::{
    cache, cat, check, clear, copy, du, exists, find, get, graph, heal, kinds, ls, mv, plugin,
    presign, put, rm, run, stat, sync,
};

/// The help heading that separates common options from a verb's own.
const EVERYWHERE: &str = "Options of every verb";

/// Object stores with behaviour: validation, compression, caching, mirroring
/// and key layout over any backend
#[derive(Parser)]
#[command(
    name = "storage-host",
    version,
    after_help = "\
A key is KEY (of the main store) or STORE:KEY; write :KEY for a key of the main
store that holds a colon, unless it is a URL. Exit codes: 0 done, 1 no such
object, 2 usage, 3 configuration, 4 some items failed, 5 a store failed,
130 interrupted."
)]
struct Cli {
    /// The configuration
    #[arg(
        short,
        long,
        global = true,
        help_heading = EVERYWHERE,
        env = "STORAGE_CONFIG",
        value_name = "FILE",
        default_value = "stores.yaml"
    )]
    config: PathBuf,
    /// Write results and errors as JSON
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    json: bool,
    /// Log more: -v for what happens, -vv for details
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = EVERYWHERE)]
    verbose: u8,
    /// Log errors only, and show no progress
    #[arg(short, long, global = true, help_heading = EVERYWHERE)]
    quiet: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Run(run::RunArgs),
    Get(get::GetArgs),
    Cat(cat::CatArgs),
    Put(put::PutArgs),
    Ls(ls::LsArgs),
    Find(find::FindArgs),
    Du(du::DuArgs),
    Stat(stat::StatArgs),
    Exists(exists::ExistsArgs),
    Rm(rm::RmArgs),
    #[command(visible_alias = "cp")]
    Copy(copy::CopyArgs),
    Sync(sync::SyncArgs),
    Mv(mv::MvArgs),
    Clear(clear::ClearArgs),
    Cache(cache::CacheArgs),
    Presign(presign::PresignArgs),
    Heal(heal::HealArgs),
    Check(check::CheckArgs),
    Graph(graph::GraphArgs),
    Kinds(kinds::KindsArgs),
    Plugin(plugin::PluginArgs),
    /// Print a script that completes verbs and options in a shell
    #[command(
        after_help = "Example:\n  storage-host completions bash > ~/.local/share/bash-completion/completions/storage-host"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let json = std::env::args_os().any(|argument| argument == "--json");
            return ExitCode::from(report::report_arguments(&error, json));
        }
    };
    let level = match (cli.quiet, cli.verbose) {
        (true, _) => "error",
        (_, 0) => "warn,storage=info",
        (_, 1) => "info",
        _ => "debug,hyper=info",
    };
    let filter = EnvFilter::try_from_env("STORAGE_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    // The debug logs of the protocol contain signatures, and presigned URLs
    // that let anyone read objects.
    let filter = match filter.max_level_hint() > Some(LevelFilter::INFO) {
        true => match "h2=info".parse::<Directive>() {
            Ok(quiet) => filter.add_directive(quiet),
            Err(_) => filter,
        },
        false => filter,
    };
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours);
    log.log_internal_errors(false).with_writer(std::io::stderr).init();
    storage_sandbox::offload_compute();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tell!("error: no threads to run on: {error}");
            return ExitCode::from(exit::STORE);
        }
    };
    let context = Context { file: cli.config, json: cli.json, quiet: cli.quiet };
    let outcome = runtime.block_on(scope(whoami(), dispatch(cli.verb, &context)));
    let code = report::report(outcome, &context);
    // Don't wait for reads whose results nobody needs.
    runtime.shutdown_background();
    ExitCode::from(code)
}

/// The user of the operating system, and its host name.
fn whoami() -> RequestContext {
    let uid = rustix::process::getuid().as_raw().to_string();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    RequestContext {
        principal: Some(name.unwrap_or(uid)),
        remote_address: host.map(|host| host.trim().to_owned()),
        protocol: Some("cli".to_owned()),
        ..RequestContext::default()
    }
}

async fn dispatch(verb: Verb, context: &Context) -> Outcome {
    match verb {
        Verb::Run(args) => args.run(&context.file).await.map(|()| exit::DONE),
        Verb::Get(args) => args.run(context).await,
        Verb::Put(args) => args.run(context).await,
        Verb::Ls(args) => args.run(context).await,
        Verb::Stat(args) => args.run(context).await,
        Verb::Exists(args) => args.run(context).await,
        Verb::Rm(args) => args.run(context).await,
        Verb::Copy(args) => args.run(context).await,
        Verb::Sync(args) => args.run(context).await,
        Verb::Clear(args) => args.run(context).await,
        Verb::Cache(args) => args.run(context).await,
        Verb::Cat(args) => args.run(context).await,
        Verb::Find(args) => args.run(context).await,
        Verb::Du(args) => args.run(context).await,
        Verb::Mv(args) => args.run(context).await,
        Verb::Presign(args) => args.run(context).await,
        Verb::Heal(args) => args.run(context).await,
        Verb::Check(args) => args.run(context).await,
        Verb::Graph(args) => args.run(context),
        Verb::Kinds(args) => args.run(context),
        Verb::Plugin(args) => args.run(context).await,
        Verb::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "storage-host", &mut script);
            output::print(&String::from_utf8_lossy(&script))?;
            Ok(exit::DONE)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_has_an_example() {
        let command = Cli::command();
        command.clone().debug_assert();
        let nested = |verb: &clap::Command| verb.get_subcommands().cloned().collect::<Vec<_>>();
        let verbs = nested(&command);
        for verb in verbs.iter().cloned().chain(verbs.iter().flat_map(nested)) {
            let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.starts_with("Example"), "{} has no example", verb.get_name());
            assert!(verb.get_about().is_some(), "{} says not what it does", verb.get_name());
        }
    }
}
