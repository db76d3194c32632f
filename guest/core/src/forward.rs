//! Forwards methods of a decorator to its field `base`.

/// Inside `impl Store`, defines the named methods to call the same method of
/// `self.base`. The lint `missing_trait_methods` still sees which methods are
/// missing.
macro_rules! forward {
    ($($method:ident),+ $(,)?) => { $( $crate::forward::forward!(@ $method); )+ };
    (@ capabilities) => {
        fn capabilities(&self) -> storage_contract::types::Capabilities {
            self.base.capabilities()
        }
    };
    (@ get) => {
        fn get(
            &self,
            key: &str,
            options: &storage_contract::types::ReadOptions,
        ) -> storage_contract::types::Result<(storage_contract::types::ObjectInfo, Vec<u8>)> {
            self.base.get(key, options)
        }
    };
    (@ put) => {
        fn put(
            &self,
            key: &str,
            data: &[u8],
            options: &storage_contract::types::PutOptions,
        ) -> storage_contract::types::Result<storage_contract::types::ObjectInfo> {
            self.base.put(key, data, options)
        }
    };
    (@ exists) => {
        fn exists(&self, key: &str) -> storage_contract::types::Result<bool> {
            self.base.exists(key)
        }
    };
    (@ delete) => {
        fn delete(
            &self,
            key: &str,
            options: &storage_contract::types::DeleteOptions,
        ) -> storage_contract::types::Result<()> {
            self.base.delete(key, options)
        }
    };
    (@ stat) => {
        fn stat(&self, key: &str) -> storage_contract::types::Result<storage_contract::types::ObjectInfo> {
            self.base.stat(key)
        }
    };
    (@ list) => {
        fn list(
            &self,
            options: &storage_contract::types::ListOptions,
        ) -> storage_contract::types::Result<storage_contract::types::Page> {
            self.base.list(options)
        }
    };
    (@ read) => {
        fn read(
            &self,
            key: &str,
            options: &storage_contract::types::ReadOptions,
        ) -> storage_contract::types::Result<Box<dyn storage_contract::store::Reader>> {
            self.base.read(key, options)
        }
    };
    (@ write) => {
        fn write(
            &self,
            key: &str,
            options: &storage_contract::types::PutOptions,
        ) -> storage_contract::types::Result<Box<dyn storage_contract::store::Writer>> {
            self.base.write(key, options)
        }
    };
    (@ locate) => {
        fn locate(
            &self,
            key: &str,
            access: storage_contract::types::Access,
        ) -> storage_contract::types::Result<Option<storage_contract::types::Location>> {
            self.base.locate(key, access)
        }
    };
}

pub(crate) use forward;
