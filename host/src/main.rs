//! The command line.

use clap::Parser;

#[derive(Parser)]
enum Verb {
    Run(storage_host::cli::run::RunArgs),
}

#[tokio::main]
async fn main() {
    let Verb::Run(run) = Verb::parse();
    if let Err(error) = run.run(std::path::Path::new("stores.yaml")).await {
        eprintln!("error: {error:#}");
        std::process::exit(1);
    }
}
