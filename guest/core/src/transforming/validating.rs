//! Calls a transformer's `validate` before every write.

use super::checked::Checked;
use super::transform::Transform;
use crate::forward::forward;
use std::rc::Rc;
use storage_contract::store::{SharedStore, Store, Writer};
use storage_contract::types::{Access, Error, Location, ObjectInfo, PutOptions, Result, Trailer};

/// Validated bytes go to the base in pieces of this size.
const PIECE: usize = 256 * 1024;

/// A store that writes only valid objects to its base.
pub struct Validating<T> {
    base: SharedStore,
    transform: Rc<Checked<T>>,
    /// The most bytes of an object, if whole objects are validated.
    objects: Option<u32>,
}

impl<T: Transform> Validating<T> {
    pub fn new(base: SharedStore, transform: Rc<Checked<T>>, objects: Option<u32>) -> Self {
        Self { base, transform, objects }
    }
}

fn check_size(size: usize, most: u32) -> Result<()> {
    if size as u64 > u64::from(most) {
        return Err(Error::LimitExceeded(format!(
            "the object has more than the {most} bytes that this store validates"
        )));
    }
    Ok(())
}

#[deny(clippy::missing_trait_methods)]
impl<T: Transform> Store for Validating<T> {
    forward!(capabilities, get, exists, delete, stat, list, read);

    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> Result<ObjectInfo> {
        if let Some(most) = self.objects {
            check_size(data.len(), most)?;
        }
        self.transform.validate(key, self.objects.map(|_| data))?;
        self.base.put(key, data, options)
    }

    fn write(&self, key: &str, options: &PutOptions) -> Result<Box<dyn Writer>> {
        let Some(most) = self.objects else {
            self.transform.validate(key, None)?;
            return self.base.write(key, options);
        };
        Ok(Box::new(ValidatingWriter {
            writer: self.base.write(key, options)?,
            transform: self.transform.clone(),
            key: key.to_owned(),
            most,
            data: Vec::new(),
        }))
    }

    fn locate(&self, key: &str, access: Access) -> Result<Option<Location>> {
        if access == Access::Write {
            if self.objects.is_some() {
                return Ok(None);
            }
            self.transform.validate(key, None)?;
        }
        self.base.locate(key, access)
    }
}

/// Holds the object until it is validated.
struct ValidatingWriter<T> {
    writer: Box<dyn Writer>,
    transform: Rc<Checked<T>>,
    key: String,
    most: u32,
    data: Vec<u8>,
}

impl<T: Transform> Writer for ValidatingWriter<T> {
    fn push(&mut self, chunk: &[u8]) -> Result<()> {
        check_size(self.data.len() + chunk.len(), self.most)?;
        self.data.extend_from_slice(chunk);
        Ok(())
    }

    fn finish(self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        let Self { mut writer, transform, key, data, .. } = *self;
        transform.validate(&key, Some(&data))?;
        for piece in data.chunks(PIECE) {
            writer.push(piece)?;
        }
        writer.finish(trailer)
    }
}
