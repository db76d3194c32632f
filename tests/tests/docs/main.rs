//! What is written about the code: the documentation and the contract.

mod contract;
mod statements;
