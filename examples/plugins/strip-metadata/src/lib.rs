//! `StripMetadataStore` stores photos without Exif, XMP, IPTC, comments, previews and
//! other metadata: no place, time, name or serial number. Pixels, colours and
//! orientation are preserved.
//!
//! It keeps only a list of known parts, so unknown kinds of metadata are removed, too.

mod jpeg;
mod orientation;
mod png;
#[cfg(test)]
mod tests;
mod webp;

use img_parts::Bytes;
use storage_plugin::options::Options;
use storage_plugin::{Behaviour, Data, Error, Json, Part, Result, Transformer, config, options};

storage_plugin::transformer!(StripMetadata);

/// The most bytes of a photo.
const MOST: u32 = 24 * 1024 * 1024;

options! {
    struct StripMetadata {
        /// What happens to an object that is no JPEG, PNG or WebP
        others: Others = "refuse",
    }
}

options! {
    enum Others {
        Refuse = "refuse",
        Keep = "keep",
    }
}

impl Transformer for StripMetadata {
    const NAME: &str = "StripMetadataStore";
    const DOC: &str = "Takes place, time, names and previews out of JPEG, PNG and WebP";
    const CONFIG_SCHEMA: Option<&str> = Some(Self::JSON_SCHEMA);

    fn configure(json: Json) -> Result<Self> {
        config(json)
    }

    fn behaviour(&self) -> Behaviour {
        let data = Data::Whole { max_size: MOST, reversible: false };
        Behaviour { data, ..Behaviour::default() }
    }

    fn encode(&self, part: &Part, data: Vec<u8>) -> Result<Vec<u8>> {
        let data = Bytes::from(data);
        let (format, stripped) = match &data[..] {
            [0xff, 0xd8, 0xff, ..] => ("JPEG", jpeg::strip(data)),
            [0x89, b'P', b'N', b'G', ..] => ("PNG", png::strip(data)),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => {
                ("WebP", webp::strip(data))
            }
            _ => match self.others {
                Others::Keep => return Ok(data.into()),
                Others::Refuse => {
                    return Err(Error::InvalidData(format!(
                        "{:?} is no JPEG, PNG or WebP, in which metadata can be found",
                        part.key
                    )));
                }
            },
        };
        stripped.map(Into::into).map_err(|error| {
            Error::InvalidData(format!("{:?} is a damaged {format}: {error}", part.key))
        })
    }
}
