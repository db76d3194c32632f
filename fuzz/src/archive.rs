//! Zip archives with arbitrary contents.

use crate::database::{everything, open};
use crate::errors::readable;
use crate::runtime::runtime;
use storage_host::store::{Error, PutOptions};

pub fn run(data: &[u8]) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("objects.zip");
    std::fs::write(&file, data).expect("a file");
    let store = match open("ZipStore", "path", &file) {
        Ok(store) => store,
        Err(error) => {
            readable(&error);
            let kept = std::fs::read(&file).expect("the file");
            assert!(kept == data, "a file that was refused is another now");
            return;
        }
    };
    let before = everything(&store);
    let put = runtime().block_on(store.put("new", "content".into(), PutOptions::default()));
    let put = match put {
        Ok(_) => true,
        Err(error) => {
            readable(&error);
            false
        }
    };
    runtime().block_on(store.close()).unwrap_or_else(|error| readable(&error));
    drop(store);
    // Everything that could be read before must still be readable.
    let store = open("ZipStore", "path", &file).expect("it was opened before");
    let after = everything(&store);
    for (key, content) in before {
        if let Ok(content) = content {
            let now = after.get(&key).map(|now| now.as_ref().map_err(Error::code));
            assert_eq!(now, Some(Ok(&content)), "{key:?} was read before");
        }
    }
    if put {
        assert_eq!(after.get("new"), Some(&Ok(b"content".to_vec())));
    }
}
