//! `run`: serves the stores of a configuration as an S3 endpoint.

use crate::StoreFactory;
use crate::cli::support::output::tell;
use crate::cli::support::preflight::{Wishes, check_dynamic, preflight, users};
use crate::cli::support::staging;
use crate::config::{Credentials, ServeConfig, StoreDef};
use crate::mirrors::Background;
use anyhow::{Context, anyhow};
use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use storage_backends::{Medium, backend};
use storage_s3::{Exposed, Offer, Server, Switch};
use storage_store::objects::Objects;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Serve the stores of a configuration as an S3 endpoint
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  storage-host run stores.yaml --listen 127.0.0.1:9000")]
pub struct RunArgs {
    /// The configuration; default: --config
    file: Option<PathBuf>,
    /// The address; default: serve.listen, or 127.0.0.1:9000
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Take unsigned requests (on a loopback address only)
    #[arg(long)]
    anonymous: bool,
}

/// How long the end waits for those who still use a replaced configuration.
const RETIRING: Duration = Duration::from_secs(5);

/// The opened stores of a configuration, and what is served.
struct Opened {
    factory: Arc<StoreFactory>,
    exposed: Exposed,
    healing: Background,
    /// The store of uploads in parts, or why there is none.
    staging: Result<Objects, String>,
    /// Held by everything that still uses the stores.
    in_use: Arc<()>,
}

impl RunArgs {
    /// Serves until SIGTERM or SIGINT; SIGHUP reloads the configuration.
    pub async fn run(self, default: &Path) -> anyhow::Result<()> {
        raise_file_limit();
        let file = self.file.clone().unwrap_or_else(|| default.to_owned());
        let mut hangup = signal(SignalKind::hangup())?;
        let mut end = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let path = file.clone();
        let factory = load(move || StoreFactory::from_yaml(path)).await?;
        let wishes = Wishes { listen: self.listen, anonymous: self.anonymous };
        // Before a store is opened, which may create it.
        let made = preflight(factory.config(), &wishes)?;
        let opened = open(factory).await?;
        let config = opened.factory.config();
        let listen = wishes.address(config);
        let offer = offer(&opened, &made, self.anonymous);
        let tls = offer.tls.is_some();
        let server = match Server::bind(listen, offer).await {
            Ok(server) => server,
            Err(error) => {
                opened.factory.close().await?;
                return Err(error);
            }
        };
        let scheme = if tls { "https" } else { "http" };
        let url = format!("{scheme}://{}", server.address()?);
        announce(&file, &url, &opened, made.as_ref());
        let switch = server.switch();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        let started = opened.factory.config().serve.clone();
        let mut current = opened;
        let mut retiring = Vec::new();
        loop {
            tokio::select! {
                () = either(&mut end) => break,
                _ = hangup.recv() => match self.reopen(&current, listen, &made, &switch).await {
                    Ok(opened) => {
                        self.warn(&started, &opened);
                        tell!("{}: read again; serving {}", file.display(), names(&opened));
                        retiring.push(retire(std::mem::replace(&mut current, opened)));
                        retiring.retain(|task| !task.is_finished());
                    }
                    Err(error) => tell!(
                        "{}: not taken over, the old configuration keeps running:\n{error:#}",
                        file.display()
                    ),
                },
            }
        }
        tell!("ending: requests under way may finish");
        let _ = stop.send(());
        serving.await.context("the server")?;
        for task in retiring {
            // Whoever still uses an old configuration was cut off.
            if let Ok(done) = tokio::time::timeout(RETIRING, task).await {
                done.context("a replaced configuration")?;
            }
        }
        current.healing.stop().await;
        current.factory.close().await
    }

    /// Reloads the configuration and serves it, unless that is impossible.
    async fn reopen(
        &self,
        current: &Opened,
        listen: SocketAddr,
        made: &Option<Credentials>,
        switch: &Switch,
    ) -> anyhow::Result<Opened> {
        let factory = current.factory.clone();
        let opened = open(load(move || factory.reload()).await?).await?;
        let serve = &opened.factory.config().serve;
        let nobody = serve.users.is_empty() && serve.anonymous().is_none();
        let offer = offer(&opened, made, self.anonymous);
        let taken = match made.is_none() && !self.anonymous && nobody {
            true => {
                Err(anyhow!("serve.credentials are gone; start anew for a key pair of the run"))
            }
            false => offer.users.check_reach(listen).and_then(|()| switch.to(offer)),
        };
        match taken {
            Ok(()) => Ok(opened),
            Err(error) => {
                opened.healing.stop().await;
                opened.factory.close().await?;
                Err(error)
            }
        }
    }

    /// Warns of changed options that a reload can't apply.
    fn warn(&self, started: &ServeConfig, opened: &Opened) {
        let config = opened.factory.config();
        for option in config.serve.needs_restart(started) {
            if option != "listen" || self.listen.is_none() {
                tracing::warn!(
                    target: "storage",
                    "{}: serve.{option} has changed, and a reload can't change it: what the start \
                     found stays in force until the next start",
                    config.file
                );
            }
        }
    }
}

/// Each stream needs a connection and a file; many systems limit files to
/// 1,024.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    // If the limit can't be raised, whoever needs a file gets an error.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

async fn load(
    read: impl FnOnce() -> anyhow::Result<StoreFactory> + Send + 'static,
) -> anyhow::Result<StoreFactory> {
    // Compiling a plug-in takes a while; requests go on meanwhile.
    tokio::task::spawn_blocking(read).await?
}

async fn open(factory: StoreFactory) -> anyhow::Result<Opened> {
    let factory = Arc::new(factory);
    for plugin in factory.plugins() {
        tracing::info!(target: "storage", "{}", plugin.grants());
    }
    let opened = async {
        // Keep stores in memory open while they are configured, even if not
        // served.
        let in_process = |def: &&StoreDef| {
            backend(&def.kind).is_some_and(|backend| backend.medium == Medium::Process)
        };
        for def in factory.config().stores.iter().filter(in_process) {
            factory.open(&def.name).await?;
        }
        let (exposed, staging) = (exposed(&factory).await?, staging::open(&factory).await?);
        staging::check_apart(&staging, &exposed)?;
        anyhow::Ok((exposed, staging, healing(&factory).await?))
    };
    match opened.await {
        Ok((exposed, staging, healing)) => {
            Ok(Opened { healing, factory, exposed, staging, in_use: Arc::default() })
        }
        Err(error) => {
            let _ = factory.close().await;
            Err(error)
        }
    }
}

/// Starts healing the mirrors that are served.
async fn healing(factory: &StoreFactory) -> anyhow::Result<Background> {
    let mut mirrors = Vec::new();
    let config = factory.config();
    let served = config.serve.expose.iter().map(|(_, store)| *store);
    // Stores that are not served stay closed.
    let served = if config.serve.expose.is_empty() { vec![config.main] } else { served.collect() };
    let mut names = BTreeSet::new();
    for def in served.into_iter().filter_map(|store| config.stores.get(store)) {
        names.extend(factory.mirrors(Some(&def.name))?);
    }
    for name in &names {
        mirrors.push(factory.mirror(name, true).await?);
    }
    Ok(Background::start(mirrors))
}

async fn exposed(factory: &StoreFactory) -> anyhow::Result<Exposed> {
    let config = factory.config();
    if config.serve.is_dynamic() {
        let main = factory.build().await?;
        check_dynamic(&main)?;
        return Ok(Exposed::Dynamic(main));
    }
    if config.serve.expose.is_empty() {
        return Ok(Exposed::Fixed(vec![("main".to_owned(), factory.build().await?)]));
    }
    let mut buckets = Vec::new();
    for (bucket, store) in &config.serve.expose {
        let name = &config.stores[*store].name;
        buckets.push((bucket.clone(), factory.open(name).await?));
    }
    Ok(Exposed::Fixed(buckets))
}

/// Closes the stores of a replaced configuration once the last request that
/// uses them has ended.
fn retire(old: Opened) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        old.healing.stop().await;
        while Arc::strong_count(&old.in_use) > 1 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        if let Err(error) = old.factory.close().await {
            tracing::error!("closing the stores of the replaced configuration: {error:#}");
        }
    })
}

/// What a configuration serves in this run.
fn offer(opened: &Opened, made: &Option<Credentials>, anonymous: bool) -> Offer {
    let config = opened.factory.config();
    Offer {
        exposed: opened.exposed.clone(),
        cors: config.serve.options.cors.clone(),
        users: users(config, made.as_ref(), anonymous),
        // --anonymous lets everybody do everything.
        acls: config.serve.options.acls && !anonymous,
        domains: config.serve.options.domain.0.clone(),
        v2: config.serve.options.signature_v2,
        etags: config.serve.options.etag,
        staging: opened.staging.clone(),
        limits: config.serve.options.limits.clone(),
        tls: config.serve.options.tls.clone(),
        log: config.serve.options.log.clone(),
        in_use: opened.in_use.clone(),
    }
}

fn names(opened: &Opened) -> String {
    let buckets = match &opened.exposed {
        Exposed::Fixed(buckets) => buckets,
        Exposed::Dynamic(main) => {
            return format!("buckets that clients make (in store {})", main.name());
        }
    };
    let name = |(bucket, objects): &(String, Objects)| match bucket == objects.name() {
        true => format!("s3://{bucket}"),
        false => format!("s3://{bucket} (store {})", objects.name()),
    };
    buckets.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn announce(file: &Path, url: &str, opened: &Opened, made: Option<&Credentials>) {
    let mut text = format!("{}: serving {} at {url}\n", file.display(), names(opened));
    if let Some(Credentials { access_key, secret_key }) = made {
        let bucket = match &opened.exposed {
            Exposed::Fixed(buckets) => buckets.first().map_or("main", |(bucket, _)| bucket),
            // Any name will do: the client creates the bucket.
            Exposed::Dynamic(_) => "bucket",
        };
        text.push_str(&format!(
            "\nA key pair for this run; paste it where your S3 client runs:\n\n  \
             export AWS_ACCESS_KEY_ID={access_key}\n  \
             export AWS_SECRET_ACCESS_KEY={secret_key}\n  \
             export AWS_DEFAULT_REGION=us-east-1\n  \
             aws --endpoint-url {url} s3 ls s3://{bucket}\n"
        ));
    }
    text.push_str("\nCtrl-C or SIGTERM ends it, SIGHUP reads the configuration again.\n");
    // Serving does not depend on a reader of this output.
    let _ = crate::cli::support::output::print(&text);
}

async fn either(signals: &mut (Signal, Signal)) {
    tokio::select! {
        _ = signals.0.recv() => {}
        _ = signals.1.recv() => {}
    }
}
