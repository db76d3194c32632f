//! Plug-ins: their authors' tools, the examples, and malicious ones.

mod command;
mod hostile;
mod mixed_chain;
mod pack_examples;
mod registry;
mod transformer_examples;
mod transformers;
