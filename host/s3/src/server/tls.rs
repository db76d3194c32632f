//! TLS with a certificate and key from files.

use crate::options::TlsFiles;
use anyhow::{Context, bail};
use std::sync::Arc;
use std::time::Duration;
use storage_store::files;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// How long a TLS handshake may take.
pub const HANDSHAKE: Duration = Duration::from_secs(10);

/// The name of HTTP/2 in the handshake.
pub const HTTP_2: &[u8] = b"h2";

/// More bytes than any certificate chain or key has.
const MAX_PEM: u64 = 1 << 20;

/// Reads the files. Errors name the files but never show their content.
pub fn acceptor(files: &TlsFiles) -> anyhow::Result<TlsAcceptor> {
    let cert = files.cert.display();
    let pem = files::read(&files.cert, MAX_PEM)
        .with_context(|| format!("serve.tls.cert: {cert} can't be read"))?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .with_context(|| format!("serve.tls.cert: {cert} can't be read as PEM"))?;
    if chain.is_empty() {
        bail!("serve.tls.cert: {cert} holds no certificate");
    }
    let pem = files::read(&files.key, MAX_PEM)
        .with_context(|| format!("serve.tls.key: {} can't be read", files.key.display()))?;
    let key = PrivateKeyDer::from_pem_slice(&pem).with_context(|| {
        format!("serve.tls.key: {} can't be read as PEM with a private key", files.key.display())
    })?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .with_context(|| {
            format!("serve.tls: {cert} and {} can't be used together", files.key.display())
        })?;
    config.alpn_protocols = vec![HTTP_2.to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
