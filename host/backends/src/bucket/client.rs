//! Builds the SDK's client from a config.

use super::addressing::Addressing;
use super::config::{Checksums, Config};
use crate::backend::OpenArgs;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Credentials, RequestChecksumCalculation, ResponseChecksumValidation, SharedHttpClient,
    StalledStreamProtectionConfig,
};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::time::Duration;
use storage_store::Result;
use storage_store::files;
use tokio::net::lookup_host;

/// Idle connections to keep, and for how long. Servers close them after about a
/// minute; close them well before that.
const IDLE_CONNECTIONS: usize = 64;
const IDLE: Duration = Duration::from_secs(20);

/// The region to sign for if none is configured: Amazon's oldest, and most other
/// servers ignore it.
const REGION: &str = "us-east-1";

/// The size limit for a file of certificates, in bytes.
const MAX_PEM: u64 = 16 << 20;

/// Which checksums to use.
#[derive(Clone, Copy)]
pub(super) struct Checks {
    /// Send the CRC-32 of what is uploaded.
    pub crc: bool,
    /// Send Content-MD5, and check what is read by its MD5 where one is known.
    pub md5: bool,
    /// Check what is read, and keep with objects what that takes.
    pub read: bool,
}

/// A client and what its config implies.
pub(super) struct Made {
    pub client: Client,
    pub checks: Checks,
    /// Bucket and server, for messages.
    pub place: String,
    /// Whether the server is Amazon's own.
    pub amazon: bool,
}

/// Builds the client. Uses the network only if the credential chain does.
pub(super) async fn client(config: &Config, args: &OpenArgs) -> Result<Made> {
    let http = http_client(config, args)?;
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
    if let Some(profile) = &config.profile {
        loader = loader.profile_name(profile);
    }
    if let (Some(id), Some(secret)) = (&config.s3_access_key, &config.s3_secret_key) {
        let token = config.session_token.clone().map(|token| token.0);
        loader = loader.credentials_provider(Credentials::new(
            &id.0,
            &secret.0,
            token,
            None,
            "storage-host config",
        ));
        // With explicit keys and a server, don't ask the machine whether it runs in
        // some cloud to find the region.
        if config.region.is_none() && config.endpoint_url.is_some() {
            loader = loader.region(environment_region());
        }
    }
    if let Some(region) = &config.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(url) = &config.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    let shared = loader.load().await;
    let endpoint = config.endpoint_url.as_deref().or(shared.endpoint_url()).map(str::to_owned);
    let amazon = endpoint.as_deref().is_none_or(is_amazon);
    let checks = match config.checksums {
        Checksums::Auto | Checksums::Always => Checks { crc: true, md5: false, read: true },
        Checksums::WhenRequired => Checks { crc: false, md5: false, read: true },
        Checksums::Md5 => Checks { crc: false, md5: true, read: true },
        Checksums::Never => Checks { crc: false, md5: false, read: false },
    };
    let region = shared.region().cloned().unwrap_or_else(|| Region::from_static(REGION));
    let path_style = match config.addressing {
        Addressing::Auto => endpoint.is_some(),
        Addressing::Path => true,
        Addressing::Virtual => false,
    };
    let connect = config.connect_timeout;
    let sdk = aws_sdk_s3::config::Builder::from(&shared)
        .region(region)
        .force_path_style(path_style)
        // Ours hold over a read on several connections, and go in headers always.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().connect_timeout(connect).build())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build();
    let place = match &endpoint {
        Some(url) => format!("bucket {:?} at {url}", config.bucket_name),
        None => format!("bucket {:?}", config.bucket_name),
    };
    Ok(Made { client: Client::from_conf(sdk), checks, place, amazon })
}

fn environment_region() -> Region {
    let named =
        ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().find_map(|name| std::env::var(name).ok());
    named.filter(|name| !name.is_empty()).map_or(Region::from_static(REGION), Region::new)
}

fn is_amazon(url: &str) -> bool {
    let host = url.parse::<http::Uri>().ok().and_then(|uri| uri.host().map(str::to_owned));
    host.is_some_and(|host| host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn"))
}

/// Resolves names as the system does. The client has a resolver of its own, whose failures
/// can't be told from others by their type.
#[derive(Debug, Clone)]
struct SystemResolver;

impl ResolveDns for SystemResolver {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move {
            match lookup_host((name, 0)).await {
                Ok(found) => Ok(found.map(|address| address.ip()).collect()),
                Err(error) => Err(ResolveDnsError::new(error)),
            }
        })
    }
}

fn http_client(config: &Config, args: &OpenArgs) -> Result<SharedHttpClient> {
    let mut roots = rustls::RootCertStore::empty();
    // The client would panic on a machine without certificates.
    let system = rustls_native_certs::load_native_certs().certs;
    let (native, _) = roots.add_parsable_certificates(system);
    let mut trust = TrustStore::empty().with_native_roots(native > 0);
    if let Some(file) = &config.ca_file {
        let bad = |why: String| args.bad(&format!("ca_file {}: {why}", file.display()));
        let pem = files::read(&args.directory.join(file), MAX_PEM);
        let pem = pem.map_err(|e| bad(e.to_string()))?;
        let mut count = 0;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|e| bad(format!("it is not PEM: {e}")))?;
            roots.add(certificate).map_err(|e| bad(format!("certificate {count}: {e}")))?;
            count += 1;
        }
        if count == 0 {
            return Err(bad("there is no certificate in it".to_owned()));
        }
        trust = trust.with_pem_certificate(pem);
    }
    let context = TlsContext::builder().with_trust_store(trust).build();
    let context = context.map_err(|e| args.bad(&format!("ca_file: {e}")))?;
    Ok(aws_smithy_http_client::Builder::new()
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(context)
        .build_with_resolver(SystemResolver))
}
