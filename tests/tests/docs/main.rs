//! What is written about the code: the documentation and the contract.

mod circles;
mod contract;
mod operations;
mod statements;
