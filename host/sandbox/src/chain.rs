//! A sandboxed chain of decorators as an [`ObjectStore`].

use super::bindings::exports::storage::object_store::object_store::GuestStore;
use super::bindings::storage::object_store::types;
use super::instance::{Instance, within};
use super::locating::Locating;
use super::pack::Pack;
use super::pool::{InstanceLease, Pool};
use super::state::HostServices;
use super::stream_slot::StreamSlot;
use super::streams::{ChainReader, ChainWriter, guest_reader};
use super::{check, convert};
use async_trait::async_trait;
use bytes::Bytes;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use storage_contract::chain::Node;
use storage_store::base_key::MappedWriter;
use storage_store::{
    Access, Capabilities, DeleteOptions, Error, ListOptions, ObjectInfo, ObjectStore, Page,
    PutOptions, ReadOptions, Reader, Result, SharedStore, Writer, check_key,
};

/// A chain of decorators, built in instances of one component.
pub struct Chain {
    pool: Arc<Pool>,
    capabilities: Capabilities,
    /// The current value of the one capability that can be withdrawn.
    conditional: AtomicBool,
    locating: Locating,
}

/// Makes one call on a leased instance. A trap discards the instance and returns an
/// error; otherwise the instance goes back into the lease.
macro_rules! call {
    ($lease:expr, |$instance:ident| $call:expr) => {{
        let lease: &mut InstanceLease = $lease;
        let limit = lease.pool().pack().limits().call;
        let mut taken = lease.take()?;
        taken.store.data_mut().begin();
        let $instance = &mut *taken;
        match within(limit, async { $call }).await {
            Ok(answer) => {
                lease.put_back(taken);
                answer
            }
            Err(trap) => {
                let starved = taken.store.data().starved;
                return Err(lease.pool().failure("failed", starved, &trap));
            }
        }
    }};
}

/// Makes the call that opens a stream.
macro_rules! opened {
    ($slot:expr, |$instance:ident| $call:expr) => {
        $slot.open(move |$instance: &mut Instance| Box::pin(async move { $call })).await?
    };
}

/// Makes one call on the root store, in an instance leased for it alone. `$accept`
/// converts the answer to a host type, and may reject it.
macro_rules! once {
    ($self:ident, |$instance:ident, $store:ident| $call:expr, $accept:expr) => {{
        let mut lease = $self.pool.checkout().await?;
        let answer = call!(&mut lease, |$instance| {
            let $store: GuestStore<'_> =
                $instance.exports.storage_object_store_object_store().store();
            $call
        });
        match answer.map($accept) {
            Ok(Ok(answer)) => {
                lease.give_back();
                Ok(answer)
            }
            Ok(Err(problem)) => Err($self.pool.breach(&problem)),
            Err(error) => {
                lease.give_back();
                Err($self.pool.convert_error(error))
            }
        }
    }};
}

impl Chain {
    /// A chain over the given base stores. Builds it once to find out whether it can be
    /// built, and its capabilities. `nodes` are in dependency order; the last one is the root.
    pub(super) async fn build(
        pack: &Arc<Pack>,
        nodes: Vec<Node>,
        bases: HashMap<String, SharedStore>,
        shared: HostServices,
    ) -> Result<Self> {
        if nodes.is_empty() {
            return Err(Error::InvalidConfig("a chain needs at least one store".to_owned()));
        }
        let nodes = nodes.into_iter().map(convert::node_out).collect();
        let pool = Pool::new(pack.clone(), nodes, Arc::new(bases), shared);
        let capabilities = ask(&pool).await?;
        let conditional = AtomicBool::new(capabilities.conditional);
        Ok(Self { pool, capabilities, conditional, locating: Locating::default() })
    }

    /// The same chain, which does every operation itself. For tests and benchmarks of the
    /// sandbox.
    #[must_use]
    pub fn without_locating(self) -> Self {
        Self { locating: Locating::never(), ..self }
    }

    /// Where the chain wants an operation done, if not here. `offered` says whether the
    /// store offers the operation's options.
    async fn locate_base(
        &self,
        key: &str,
        access: Access,
        offered: bool,
    ) -> Result<Option<(SharedStore, String)>> {
        // The chain says best what is wrong with a key that can't be one.
        if !offered || !self.locating.helps(access) || check_key(key).is_err() {
            return Ok(None);
        }
        let asked = convert::access_out(access);
        let located: Result<Option<(SharedStore, String)>> =
            once!(self, |i, s| s.call_locate(&mut i.store, i.root, key, asked).await, |located| {
                located.map(|located| self.resolve(located)).transpose()
            });
        let located = located?;
        match located {
            None => self.locating.stop(access),
            Some((_, ref key)) if check_key(key).is_err() => return Ok(None),
            Some(_) => {}
        }
        Ok(located)
    }

    /// Finds the base that a location names. It must be one that the chain was given.
    fn resolve(&self, location: types::Location) -> check::Checked<(SharedStore, String)> {
        match self.pool.base(&location.base) {
            Some(base) => Ok((base.clone(), location.key)),
            None => Err("it located an object in a store that it was not given".to_owned()),
        }
    }

    /// Whether ranges work.
    fn offers_range(&self, options: &ReadOptions) -> bool {
        options.range.is_none() || self.capabilities.range
    }

    /// Whether preconditions of changes work, if there are any.
    fn offers_conditions(&self, conditional: bool) -> bool {
        !conditional || self.conditional.load(Ordering::Relaxed)
    }

    /// Reads the capabilities again after a conditional change was refused: a base may
    /// have found out that its server ignores preconditions.
    async fn refresh_conditional(&self, refused: bool) {
        if refused && self.conditional.load(Ordering::Relaxed) {
            // Idle instances keep the capabilities from when they were built.
            self.pool.forget_idle();
            if let Ok(now) = ask(&self.pool).await {
                self.conditional.store(now.conditional, Ordering::Relaxed);
            }
        }
    }

    fn untrusted(&self) -> bool {
        self.pool.untrusted()
    }

    fn accept(&self, info: types::ObjectInfo) -> check::Checked<ObjectInfo> {
        self.pool.accept(info)
    }
}

/// The capabilities that the guest reports.
async fn ask(pool: &Arc<Pool>) -> Result<Capabilities> {
    let mut lease = pool.checkout().await?;
    let capabilities = call!(&mut lease, |i| {
        let store = i.exports.storage_object_store_object_store().store();
        store.call_capabilities(&mut i.store, i.root).await
    });
    lease.give_back();
    Ok(convert::capabilities_in(capabilities))
}

/// Whether a change failed because its preconditions can't be honoured.
fn is_refused_precondition<T>(conditional: bool, answer: &Result<T>) -> bool {
    conditional && matches!(answer, Err(Error::Unsupported(_)))
}

#[async_trait]
impl ObjectStore for Chain {
    fn capabilities(&self) -> Capabilities {
        Capabilities { conditional: self.conditional.load(Ordering::Relaxed), ..self.capabilities }
    }

    async fn get(&self, key: &str, options: ReadOptions) -> Result<(ObjectInfo, Bytes)> {
        let offered = self.offers_range(&options);
        if let Some((base, base_key)) = self.locate_base(key, Access::Read, offered).await? {
            let answer = base.get(&base_key, options).await;
            return answer.map_err(|error| error.with_key(key, &base_key));
        }
        let asked = convert::read_options_out(&options);
        once!(
            self,
            |i, s| {
                let offload = i.offload();
                offload.run(pin!(s.call_get(&mut i.store, i.root, key, &asked))).await
            },
            |(info, data)| {
                let info = self.accept(info)?;
                if self.untrusted() {
                    check::inline(&data, &info, &options)?;
                }
                Ok::<_, String>((info, data.into()))
            }
        )
    }

    async fn put(&self, key: &str, data: Bytes, options: PutOptions) -> Result<ObjectInfo> {
        let conditional = options.if_absent || options.if_match.is_some();
        let offered = self.offers_conditions(conditional);
        if let Some((base, base_key)) = self.locate_base(key, Access::Write, offered).await? {
            let answer = base.put(&base_key, data, options).await;
            self.refresh_conditional(is_refused_precondition(conditional, &answer)).await;
            return answer.map_err(|error| error.with_key(key, &base_key));
        }
        let options = convert::put_options_out(&options);
        let answer = once!(
            self,
            |i, s| {
                let offload = i.offload();
                offload.add(data.len()).await;
                offload.run(pin!(s.call_put(&mut i.store, i.root, key, &data, &options))).await
            },
            |info| self.accept(info)
        );
        self.refresh_conditional(is_refused_precondition(conditional, &answer)).await;
        answer
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        if let Some((base, base_key)) = self.locate_base(key, Access::Read, true).await? {
            let answer = base.exists(&base_key).await;
            return answer.map_err(|error| error.with_key(key, &base_key));
        }
        once!(self, |i, s| s.call_exists(&mut i.store, i.root, key).await, Ok::<_, String>)
    }

    async fn delete(&self, key: &str, options: DeleteOptions) -> Result<()> {
        let conditional = options.if_match.is_some();
        let offered = self.offers_conditions(conditional);
        if let Some((base, base_key)) = self.locate_base(key, Access::Delete, offered).await? {
            let answer = base.delete(&base_key, options).await;
            self.refresh_conditional(is_refused_precondition(conditional, &answer)).await;
            return answer.map_err(|error| error.with_key(key, &base_key));
        }
        let options = convert::delete_options_out(&options);
        let answer = once!(
            self,
            |i, s| s.call_delete(&mut i.store, i.root, key, &options).await,
            Ok::<_, String>
        );
        self.refresh_conditional(is_refused_precondition(conditional, &answer)).await;
        answer
    }

    async fn stat(&self, key: &str) -> Result<ObjectInfo> {
        if let Some((base, base_key)) = self.locate_base(key, Access::Read, true).await? {
            let answer = base.stat(&base_key).await;
            return answer.map_err(|error| error.with_key(key, &base_key));
        }
        once!(self, |i, s| s.call_stat(&mut i.store, i.root, key).await, |info| self.accept(info))
    }

    async fn list(&self, options: ListOptions) -> Result<Page> {
        let asked = convert::list_options_out(&options);
        once!(self, |i, s| s.call_list(&mut i.store, i.root, &asked).await, |page| {
            let page = convert::page_in(page);
            if self.untrusted() { check::page(page, &options) } else { Ok(page) }
        })
    }

    async fn read(&self, key: &str, options: ReadOptions) -> Result<Box<dyn Reader>> {
        let offered = self.offers_range(&options);
        if let Some((base, base_key)) = self.locate_base(key, Access::Read, offered).await? {
            let answer = base.read(&base_key, options).await;
            return answer.map_err(|error| error.with_key(key, &base_key));
        }
        let (key, asked) = (key.to_owned(), convert::read_options_out(&options));
        let mut slot = StreamSlot::take(&self.pool).await?;
        if !self.untrusted() {
            slot.close_when_dropped();
        }
        let opened = opened!(slot, |i| {
            let store = i.exports.storage_object_store_object_store().store();
            let offload = i.offload();
            let opened =
                offload.run(pin!(store.call_read(&mut i.store, i.root, &key, &asked))).await?;
            match opened {
                Err(error) => Ok(Err(error)),
                Ok(reader) => {
                    let info = guest_reader(&i.exports).call_info(&mut i.store, reader).await?;
                    Ok(Ok((reader, info)))
                }
            }
        });
        let (reader, info) = opened.map_err(|error| self.pool.convert_error(error))?;
        let checked = self.accept(info).and_then(|info| {
            let expected = if self.untrusted() { check::expected(&info, &options)? } else { None };
            Ok((info, expected))
        });
        let (info, expected) = checked.map_err(|problem| self.pool.breach(&problem))?;
        Ok(Box::new(ChainReader::new(self.pool.clone(), slot, reader, info, expected)))
    }

    async fn write(&self, key: &str, options: PutOptions) -> Result<Box<dyn Writer>> {
        let conditional = options.if_absent || options.if_match.is_some();
        let offered = self.offers_conditions(conditional);
        if let Some((base, base_key)) = self.locate_base(key, Access::Write, offered).await? {
            let opened = base.write(&base_key, options).await;
            self.refresh_conditional(is_refused_precondition(conditional, &opened)).await;
            return MappedWriter::opened(opened, key, &base_key);
        }
        let (key, options) = (key.to_owned(), convert::put_options_out(&options));
        let mut slot = StreamSlot::take(&self.pool).await?;
        let opened = opened!(slot, |i| {
            let store = i.exports.storage_object_store_object_store().store();
            let opened = store.call_write(&mut i.store, i.root, &key, &options).await?;
            Ok(opened.map(|writer| (writer, ())))
        });
        let opened = opened.map_err(|error| self.pool.convert_error(error));
        self.refresh_conditional(is_refused_precondition(conditional, &opened)).await;
        let (writer, ()) = opened?;
        Ok(Box::new(ChainWriter::new(self.pool.clone(), slot, writer)))
    }

    async fn copy(&self, _: &str, _: &str, _: &str, _: PutOptions) -> Result<Option<ObjectInfo>> {
        Ok(None)
    }

    async fn locate(&self, key: &str, access: Access) -> Result<Option<(SharedStore, String)>> {
        self.locate_base(key, access, true).await
    }

    async fn close(&self) -> Result<()> {
        self.pool.close().await;
        Ok(())
    }
}
