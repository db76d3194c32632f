//! The command line.

use clap::Parser;

#[derive(Parser)]
enum Verb {
    Run(storage_host::cli::run::RunArgs),
}

fn main() {
    storage_host::allocator::tune();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(start()),
        Err(error) => eprintln!("error: no threads to run on: {error}"),
    }
}

async fn start() {
    let Verb::Run(run) = Verb::parse();
    if let Err(error) = run.run(std::path::Path::new("stores.yaml")).await {
        eprintln!("error: {error:#}");
        std::process::exit(1);
    }
}
