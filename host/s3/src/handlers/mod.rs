//! What the operations do, a file for each family.

mod acls;
mod buckets;
mod completing;
mod copying;
mod cors;
mod deleting;
pub mod dispatch;
mod listing;
mod multipart;
mod ownership;
mod parts;
mod post_object;
mod reading;
mod settings;
mod source;
mod tagging;
mod upload_listing;
mod writing;
