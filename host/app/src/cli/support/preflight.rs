//! Checks that `run` makes before it binds an address.
//!
//! `check` makes them, too. What takes an open store or a write (the port, the staging store,
//! the access log) shows only at the start.

use crate::config::{Config, Credentials, Scope, Staging, User};
use anyhow::{Context, bail};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use storage_s3::{Users, check_tls};
use storage_store::objects::Objects;

/// The default address of `run`.
const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9000);

/// The command-line options about serving.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wishes {
    /// The address; `None` means the configuration's.
    pub listen: Option<SocketAddr>,
    /// Whether everybody may do everything.
    pub anonymous: bool,
}

impl Wishes {
    /// The address to listen on.
    pub fn address(&self, config: &Config) -> SocketAddr {
        self.listen.or(config.serve.listen).unwrap_or(DEFAULT)
    }
}

/// Checks everything that needs no open store, and writes nothing. Returns a
/// new key pair if this run needs one.
pub fn preflight(config: &Config, wishes: &Wishes) -> anyhow::Result<Option<Credentials>> {
    let listen = wishes.address(config);
    let made = made_for_this_run(config, listen, wishes.anonymous)?;
    users(config, made.as_ref(), wishes.anonymous).check_reach(listen)?;
    if let Some(files) = &config.serve.options.tls {
        check_tls(files)?;
    }
    check_staging(config)?;
    Ok(made)
}

/// The users that may send requests.
pub fn users(config: &Config, made: Option<&Credentials>, anonymous: bool) -> Users {
    let serve = &config.serve;
    match (anonymous, made, serve.users.as_slice()) {
        (true, ..) => Users::new(&[], Some(Scope::everything())),
        (_, Some(made), []) => {
            let made = User { credentials: made.clone(), scope: Scope::everything() };
            Users::new(&[made], serve.anonymous())
        }
        (.., given) => Users::new(given, serve.anonymous()),
    }
}

/// Fails unless the main store can list: dynamic buckets are its prefixes.
pub fn check_dynamic(main: &Objects) -> anyhow::Result<()> {
    if main.capabilities().list {
        return Ok(());
    }
    bail!(
        "serve.buckets: dynamic keeps buckets as prefixes of the main store {:?}, which \
         must be able to list them; this one can't list",
        main.name()
    )
}

/// Generates a key pair for this run, if requests must be signed, no users are
/// configured and only this machine can connect.
fn made_for_this_run(
    config: &Config,
    listen: SocketAddr,
    anonymous: bool,
) -> anyhow::Result<Option<Credentials>> {
    let serve = &config.serve;
    let open = anonymous || serve.anonymous().is_some_and(|scope| scope.is_everything());
    if open || !serve.users.is_empty() {
        return Ok(None);
    }
    if !listen.ip().is_loopback() {
        if serve.anonymous().is_some() {
            return Ok(None);
        }
        bail!("{listen} can be reached by others: give serve.credentials, or listen on 127.0.0.1");
    }
    let mut random = [0; 30];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
    let (access, secret) = random.split_at(10);
    let access_key = hex::encode_upper(access);
    Ok(Some(Credentials { access_key, secret_key: hex::encode(secret) }))
}

/// Fails unless uploads in parts can wait where the configuration says.
fn check_staging(config: &Config) -> anyhow::Result<()> {
    match &config.serve.staging {
        Some(Staging::Directory(path)) => check_directory(path)
            .with_context(|| format!("serve.staging: {} can't be used", path.display())),
        Some(Staging::Store(store)) => {
            let exposed = config.serve.expose.iter().map(|(_, store)| *store);
            let mut served: Vec<usize> = exposed.collect();
            if served.is_empty() && !config.serve.is_dynamic() {
                served.push(config.main);
            }
            if served.contains(store) {
                bail!(
                    "serve.staging: the store {:?} is served, and its clients would see the parts \
                     of uploads among its objects; name another one",
                    config.stores.get(*store).map(|def| def.name.as_str()).unwrap_or_default()
                );
            }
            Ok(())
        }
        None => Ok(()),
    }
}

/// Fails unless the directory, or its nearest existing ancestor, is a writable
/// directory.
pub fn check_directory(path: &Path) -> std::io::Result<()> {
    let named = |path: &&Path| !path.as_os_str().is_empty();
    let there = path.ancestors().filter(named).find(|path| path.exists());
    let there = there.unwrap_or(if path.is_absolute() { path } else { Path::new(".") });
    if !there.is_dir() {
        return Err(std::io::ErrorKind::NotADirectory.into());
    }
    Ok(rustix::fs::access(there, rustix::fs::Access::WRITE_OK)?)
}
