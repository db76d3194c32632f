//! Object checksums: algorithms, their form in metadata, and in responses.

use http::HeaderMap;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};
use s3s::dto::{self, ChecksumAlgorithm, ChecksumType};
use s3s::{S3Result, s3_error};

/// The metadata key of an object's checksum.
pub const CHECKSUM: &str = ":checksum";

/// The checksum algorithms of S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    pub const ALL: [Self; 5] =
        [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// The algorithm S3 uses when the client names none. It costs a tenth of
    /// the MD5 that every object gets anyway.
    pub const DEFAULT: Self = Self::Crc64Nvme;

    /// The S3 name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32 => ChecksumAlgorithm::CRC32,
            Self::Crc32c => ChecksumAlgorithm::CRC32C,
            Self::Crc64Nvme => ChecksumAlgorithm::CRC64NVME,
            Self::Sha1 => ChecksumAlgorithm::SHA1,
            Self::Sha256 => ChecksumAlgorithm::SHA256,
        }
    }

    pub fn parse(name: &str) -> S3Result<Self> {
        let found = Self::ALL.into_iter().find(|a| a.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            s3_error!(
                InvalidRequest,
                "there is no checksum {name:?}: CRC32, CRC32C, CRC64NVME, SHA1, SHA256"
            )
        })
    }

    pub fn dto(self) -> ChecksumAlgorithm {
        ChecksumAlgorithm::from_static(self.name())
    }

    /// The header or trailer that carries the checksum.
    pub fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// Whether multipart uploads default to a checksum of their parts'
    /// checksums.
    pub fn is_composite(self) -> bool {
        self != Self::Crc64Nvme
    }

    /// Adds this algorithm to `hasher`.
    pub fn start(self, hasher: &mut ChecksumHasher) {
        match self {
            Self::Crc32 => hasher.crc32 = Some(Crc32::new()),
            Self::Crc32c => hasher.crc32c = Some(Crc32c::new()),
            Self::Crc64Nvme => hasher.crc64nvme = Some(Crc64Nvme::new()),
            Self::Sha1 => hasher.sha1 = Some(Sha1::new()),
            Self::Sha256 => hasher.sha256 = Some(Sha256::new()),
        }
    }

    /// A hasher for this algorithm alone.
    pub fn hasher(self) -> ChecksumHasher {
        let mut hasher = ChecksumHasher::default();
        self.start(&mut hasher);
        hasher
    }

    /// This algorithm's value among `sums`.
    pub fn of(self, sums: &dto::Checksum) -> Option<&String> {
        match self {
            Self::Crc32 => sums.checksum_crc32.as_ref(),
            Self::Crc32c => sums.checksum_crc32c.as_ref(),
            Self::Crc64Nvme => sums.checksum_crc64nvme.as_ref(),
            Self::Sha1 => sums.checksum_sha1.as_ref(),
            Self::Sha256 => sums.checksum_sha256.as_ref(),
        }
    }
}

/// The checksums of a request; a form's checksums arrive as headers.
pub fn or_of_headers(sums: dto::Checksum, headers: &HeaderMap) -> dto::Checksum {
    let header =
        |algorithm: Algorithm| headers.get(algorithm.header())?.to_str().ok().map(str::to_owned);
    dto::Checksum {
        checksum_crc32: sums.checksum_crc32.or_else(|| header(Algorithm::Crc32)),
        checksum_crc32c: sums.checksum_crc32c.or_else(|| header(Algorithm::Crc32c)),
        checksum_crc64nvme: sums.checksum_crc64nvme.or_else(|| header(Algorithm::Crc64Nvme)),
        checksum_sha1: sums.checksum_sha1.or_else(|| header(Algorithm::Sha1)),
        checksum_sha256: sums.checksum_sha256.or_else(|| header(Algorithm::Sha256)),
        checksum_type: sums.checksum_type,
    }
}

/// The checksum of an object or part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    pub algorithm: Algorithm,
    /// Whether this is a checksum of the parts' checksums rather than of all
    /// bytes.
    pub composite: bool,
    /// Base64; a composite checksum ends in `-` and the number of parts.
    pub value: String,
}

impl Sum {
    /// The checksum that `hasher` computed by `algorithm`.
    pub fn finished(algorithm: Algorithm, hasher: ChecksumHasher) -> Option<Self> {
        let value = algorithm.of(&hasher.finalize())?.clone();
        Some(Self { algorithm, composite: false, value })
    }

    /// The composite checksum of parts with these checksums.
    pub fn of_parts<'a>(
        algorithm: Algorithm,
        parts: impl IntoIterator<Item = &'a str>,
    ) -> Option<Self> {
        let mut hasher = algorithm.hasher();
        let mut count = 0;
        for part in parts {
            hasher.update(&base64_simd::STANDARD.decode_to_vec(part).ok()?);
            count += 1;
        }
        let sum = Self::finished(algorithm, hasher)?;
        Some(Self { composite: true, value: format!("{}-{count}", sum.value), ..sum })
    }

    pub fn kind(&self) -> ChecksumType {
        kind(self.composite)
    }

    /// The metadata entry for an object sent as `length` bytes. The length
    /// tells [`Sum::kept`] whether the store changed the bytes (as JsonStore
    /// does), which makes the checksum wrong.
    pub fn keep(&self, length: u64) -> (String, String) {
        let (algorithm, kind) = (self.algorithm.name(), self.kind());
        let text = format!("{algorithm} {} {} {length}", kind.as_str(), self.value);
        (CHECKSUM.to_owned(), text)
    }

    /// Parses the metadata of an object of `size` bytes. Returns `None` if the
    /// size differs from that of the bytes sent.
    pub fn kept(text: &str, size: Option<u64>) -> Option<Self> {
        let mut words = text.split(' ');
        let algorithm = Algorithm::parse(words.next()?).ok()?;
        let composite = words.next()? == ChecksumType::COMPOSITE;
        let value = words.next()?.to_owned();
        let length: u64 = words.next()?.parse().ok()?;
        size.is_none_or(|size| size == length).then_some(Self { algorithm, composite, value })
    }
}

pub fn kind(composite: bool) -> ChecksumType {
    ChecksumType::from_static(match composite {
        true => ChecksumType::COMPOSITE,
        false => ChecksumType::FULL_OBJECT,
    })
}

/// Sets a checksum in an output. The output types share no trait.
macro_rules! show_sum {
    ($output:expr, $sum:expr) => {
        if let Some(sum) = $sum {
            use $crate::server::checksum::Algorithm;
            let value = Some(sum.value.clone());
            match sum.algorithm {
                Algorithm::Crc32 => $output.checksum_crc32 = value,
                Algorithm::Crc32c => $output.checksum_crc32c = value,
                Algorithm::Crc64Nvme => $output.checksum_crc64nvme = value,
                Algorithm::Sha1 => $output.checksum_sha1 = value,
                Algorithm::Sha256 => $output.checksum_sha256 = value,
            }
        }
    };
}

/// The checksums of an input. The input types share no trait.
macro_rules! sums {
    ($input:expr) => {
        s3s::dto::Checksum {
            checksum_crc32: $input.checksum_crc32.clone(),
            checksum_crc32c: $input.checksum_crc32c.clone(),
            checksum_crc64nvme: $input.checksum_crc64nvme.clone(),
            checksum_sha1: $input.checksum_sha1.clone(),
            checksum_sha256: $input.checksum_sha256.clone(),
            checksum_type: None,
        }
    };
}

pub(super) use {show_sum, sums};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_again() {
        for algorithm in Algorithm::ALL {
            let mut hasher = algorithm.hasher();
            hasher.update(b"hello");
            let sum = Sum::finished(algorithm, hasher).unwrap();
            assert_eq!(Sum::kept(&sum.keep(5).1, Some(5)).unwrap(), sum);
            let parts = Sum::of_parts(algorithm, [sum.value.as_str(); 3]).unwrap();
            assert!(parts.value.ends_with("-3"));
            assert_eq!(Sum::kept(&parts.keep(5).1, None).unwrap(), parts);
        }
        for strange in
            ["", "CRC32", "CRC9 FULL_OBJECT x 5", "CRC32 COMPOSITE", "CRC32 COMPOSITE x 6"]
        {
            assert_eq!(Sum::kept(strange, Some(5)), None, "{strange:?}");
        }
    }
}
