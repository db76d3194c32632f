//! The S3 endpoint: real clients, requests by hand, and attacks.

mod bucket_operations;
mod client_listings;
mod clients;
mod conditional_writes;
mod copies;
mod direct_access;
mod hosts;
mod malicious_xml;
mod overload;
mod programs;
mod serving;
mod signatures;
mod smuggling;
mod tls;
mod unknown_requests;
mod uploads;
mod users;
