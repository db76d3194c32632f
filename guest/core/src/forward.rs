//! Forwards methods of a decorator to its field `base`.

/// Inside `impl Store`, defines the named methods to call the same method of
/// `self.base`. The lint `missing_trait_methods` still sees which methods are
/// missing.
macro_rules! forward {
    ($($method:ident),+ $(,)?) => { $( $crate::forward::forward!(@ $method); )+ };
    (@ capabilities) => {
        fn capabilities(&self) -> $crate::types::Capabilities {
            self.base.capabilities()
        }
    };
    (@ get) => {
        fn get(
            &self,
            key: &str,
            options: &$crate::types::ReadOptions,
        ) -> $crate::types::Result<($crate::types::ObjectInfo, Vec<u8>)> {
            self.base.get(key, options)
        }
    };
    (@ put) => {
        fn put(
            &self,
            key: &str,
            data: &[u8],
            options: &$crate::types::PutOptions,
        ) -> $crate::types::Result<$crate::types::ObjectInfo> {
            self.base.put(key, data, options)
        }
    };
    (@ exists) => {
        fn exists(&self, key: &str) -> $crate::types::Result<bool> {
            self.base.exists(key)
        }
    };
    (@ delete) => {
        fn delete(
            &self,
            key: &str,
            options: &$crate::types::DeleteOptions,
        ) -> $crate::types::Result<()> {
            self.base.delete(key, options)
        }
    };
    (@ stat) => {
        fn stat(&self, key: &str) -> $crate::types::Result<$crate::types::ObjectInfo> {
            self.base.stat(key)
        }
    };
    (@ list) => {
        fn list(
            &self,
            options: &$crate::types::ListOptions,
        ) -> $crate::types::Result<$crate::types::Page> {
            self.base.list(options)
        }
    };
    (@ read) => {
        fn read(
            &self,
            key: &str,
            options: &$crate::types::ReadOptions,
        ) -> $crate::types::Result<Box<dyn $crate::store::Reader>> {
            self.base.read(key, options)
        }
    };
    (@ write) => {
        fn write(
            &self,
            key: &str,
            options: &$crate::types::PutOptions,
        ) -> $crate::types::Result<Box<dyn $crate::store::Writer>> {
            self.base.write(key, options)
        }
    };
    (@ locate) => {
        fn locate(
            &self,
            key: &str,
            access: $crate::types::Access,
        ) -> $crate::types::Result<Option<$crate::types::Location>> {
            self.base.locate(key, access)
        }
    };
}

pub(crate) use forward;
