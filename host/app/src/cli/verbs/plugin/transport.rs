//! The options that select how to connect to a registry.

use crate::oci::{Client, Credentials, Reference};
use clap::Args;

#[derive(Args)]
pub struct Transport {
    /// Speak plain http to a registry that is not on this machine
    #[arg(long)]
    plain_http: bool,
    /// Speak https to a registry on this machine
    #[arg(long, conflicts_with = "plain_http")]
    https: bool,
}

impl Transport {
    /// A client for one repository, with credentials if there are any.
    pub fn client(&self, reference: &Reference, actions: &'static str) -> anyhow::Result<Client> {
        let credentials = Credentials::find(&reference.registry).map_err(anyhow::Error::msg)?;
        let plain = self.plain_http || reference.is_local() && !self.https;
        Ok(Client::new(reference, credentials, plain, actions))
    }
}
