//! Random names.

use crate::protocol::error::Result;
use crate::store_error::internal;
use rustix::rand::{GetRandomFlags, getrandom};

/// `BYTES` random bytes in hexadecimal.
pub fn id<const BYTES: usize>() -> Result<String> {
    let mut bytes = [0; BYTES];
    getrandom(&mut bytes, GetRandomFlags::empty())
        .map_err(|error| internal("the system gave no random bytes", &error))?;
    Ok(hex::encode(bytes))
}
