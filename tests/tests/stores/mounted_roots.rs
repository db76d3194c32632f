//! Roots that are mount points, like a separate disk or a container volume, and
//! filesystems mounted below a root.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use serde_json::json;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use storage_conformance::cases::bytes;
use storage_host::Objects;
use storage_host::backends::{BACKENDS, OpenArgs};
use storage_host::source::Ended;
use storage_host::store::{DeleteOptions, Error, ListOptions, PutOptions, ReadOptions};
use storage_tests::mounts::{KINDS, command, elsewhere, mount};
use storage_tests::server::binary;
use storage_tests::tidy::files;
use tempfile::TempDir;

/// Opens a store of this type, with `root` in this directory as its root.
async fn open(kind: &str, home: &Path, check_only: bool) -> Result<Objects> {
    let backend = BACKENDS.iter().find(|b| b.name == kind).context("a registered type")?;
    let mut config = json!({"root_path": "root"});
    if kind == "HashdirStore" {
        config["index"] = json!(true);
    }
    let (name, directory) = ("main".to_owned(), home.to_owned());
    let (create, check) = (!check_only, check_only.then(Default::default));
    let store = (backend.open)(OpenArgs { name, config, directory, create, check }).await?;
    Ok(Objects::new("main", store))
}

async fn text(store: &Objects, key: &str) -> Result<String> {
    let (_, data) = store.get(key, ReadOptions::default(), u64::MAX).await?;
    Ok(String::from_utf8(data.to_vec())?)
}

async fn keys(store: &Objects) -> Result<Vec<String>> {
    let page = store.list(ListOptions::default()).await?;
    Ok(page.entries.into_iter().map(|entry| entry.key).collect())
}

/// Options with this much metadata. Some filesystems can't hold the larger sizes in an
/// attribute, so it must be stored elsewhere.
fn with_metadata(length: usize) -> PutOptions {
    PutOptions {
        content_type: Some("text/x-test".to_owned()),
        metadata: vec![("long".to_owned(), "v".repeat(length))],
        ..PutOptions::default()
    }
}

/// Exercises all operations of a store on a new root, and returns the objects.
async fn all_that_a_store_does(kind: &str, home: &Path) -> Result<()> {
    let store = open(kind, home, false).await?;
    let large = Bytes::from(bytes(3_000_000, 1));
    for (key, length) in [("folder/of/small", 10), ("folder/of/rich", 20_000)] {
        for value in ["first", "second"] {
            store.put(key, value.into(), with_metadata(length)).await?;
        }
        let info = store.stat(key).await?;
        ensure!(info.metadata == with_metadata(length).metadata, "{key}: {info:?}");
        ensure!(info.content_type == Some("text/x-test".to_owned()), "{key}: {info:?}");
        let again = PutOptions { if_absent: true, ..PutOptions::default() };
        ensure!(store.put(key, "x".into(), again).await == Err(Error::AlreadyExists), "{key}");
        let matching = PutOptions { if_match: info.etag, ..with_metadata(length) };
        store.put(key, "third".into(), matching).await?;
    }
    for _ in 0..2 {
        let mut upload = store.write("large", PutOptions::default()).await?;
        upload.push(large.clone()).await?;
        upload.finish(Ended::own(large.len() as u64)).await?;
    }
    let mut dropped = store.write("dropped", PutOptions::default()).await?;
    dropped.push(large.clone()).await?;
    drop(dropped);
    store.put("gone", "x".into(), PutOptions::default()).await?;
    store.delete("gone", DeleteOptions::default()).await?;
    let info = store.stat("folder/of/small").await?;
    let located = store.locate_copy("folder/of/small", &store, "copy").await.context("no copy")?;
    located.copy(&info, with_metadata(10)).await?;
    store.store().close().await?;
    drop(store);
    for check_only in [true, false] {
        let store = open(kind, home, check_only).await?;
        ensure!(
            keys(&store).await? == ["copy", "folder/of/rich", "folder/of/small", "large"],
            "{:?}",
            keys(&store).await?
        );
        ensure!(text(&store, "folder/of/rich").await? == "third");
        // A read-only store reads no files but objects.
        let info = store.stat("folder/of/rich").await?;
        ensure!(check_only || info.metadata == with_metadata(20_000).metadata, "{info:?}");
        ensure!(store.get("large", ReadOptions::default(), u64::MAX).await?.1 == large);
        store.store().close().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_root_that_is_a_mount_point_does_all_that_another_does() -> Result<()> {
    if elsewhere("a_root_that_is_a_mount_point_does_all_that_another_does")? {
        return Ok(());
    }
    for filesystem in KINDS {
        for kind in ["FilesystemStore", "SafeFilesystemStore", "HashdirStore"] {
            let home = tempfile::tempdir()?;
            let root = home.path().join("root");
            mount(filesystem, &root)?;
            let done = all_that_a_store_does(kind, home.path()).await;
            done.with_context(|| format!("{kind} on {filesystem}"))?;
            // Files that the Python library would list among the objects.
            let mut others = files(&root)?;
            others.retain(|path| path.starts_with(".storage-host/"));
            let fine = |path: &String| {
                path.starts_with(".storage-host/keys.db")
                    || path.starts_with(".storage-host/metadata/")
            };
            ensure!(others.iter().all(fine), "{kind} on {filesystem} left {others:?}");
            let rich = others.iter().filter(|path| path.contains("/metadata/")).count();
            ensure!(rich <= 1, "{kind} on {filesystem} left {others:?}");
            ensure!(fs::read_dir(home.path())?.count() == 1, "something lies beside the root");
            command("umount", &[root.as_ref()])?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn no_key_reaches_what_a_mounted_root_keeps_beside_its_objects() -> Result<()> {
    if elsewhere("no_key_reaches_what_a_mounted_root_keeps_beside_its_objects")? {
        return Ok(());
    }
    let home = tempfile::tempdir()?;
    let root = home.path().join("root");
    mount("ext4", &root)?;
    // Leftovers of a killed process.
    let left = root.join(".storage-host/writing-1-00000000deadbeef");
    fs::create_dir_all(&left)?;
    fs::write(left.join("0"), "half of an obj")?;
    let looked = open("FilesystemStore", home.path(), true).await?;
    ensure!(keys(&looked).await?.is_empty() && left.join("0").exists(), "a check changed it");
    let store = open("FilesystemStore", home.path(), false).await?;
    ensure!(!left.exists(), "it was not swept");
    store.put("rich", "x".into(), with_metadata(20_000)).await?;
    let metadata = files(&root)?.into_iter().find(|path| path.contains("/metadata/"));
    let metadata = metadata.context("it fits into an attribute")?;
    let kept = fs::read(root.join(&metadata))?;
    for key in [&metadata, ".storage-host", ".storage-host/new"] {
        ensure!(!store.exists(key).await?, "{key} is there");
        store.put(key, "odd".into(), PutOptions::default()).await?;
        ensure!(text(&store, key).await? == "odd");
        let options = ListOptions { prefix: key.to_owned(), ..ListOptions::default() };
        let listed = store.list(options).await?.entries;
        ensure!(listed.iter().map(|entry| entry.key.as_str()).eq([key]), "{listed:?}");
        let odd = files(&root)?.into_iter().filter(|path| path.starts_with(".storage-host/odd/"));
        ensure!(odd.count() == 1, "{key} is elsewhere");
        store.delete(key, DeleteOptions::default()).await?;
        ensure!(!store.exists(key).await?, "{key} is still there");
    }
    ensure!(fs::read(root.join(&metadata))? == kept, "the metadata changed");
    ensure!(store.stat("rich").await?.metadata == with_metadata(20_000).metadata);
    // Names that merely share the prefix are ordinary keys.
    for key in [".storage-hosts", ".storage-host.d/x", "below/.storage-host/x"] {
        store.put(key, "x".into(), PutOptions::default()).await?;
        ensure!(text(&store, key).await? == "x");
    }
    ensure!(keys(&store).await?.len() == 4, "{:?}", keys(&store).await?);
    Ok(())
}

#[tokio::test]
async fn a_root_keeps_its_metadata_where_it_is_a_mount_point_or_not() -> Result<()> {
    if elsewhere("a_root_keeps_its_metadata_where_it_is_a_mount_point_or_not")? {
        return Ok(());
    }
    // Like a host directory in a container.
    let (inside, outside) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let volume = outside.path().join("root");
    let root = inside.path().join("root");
    fs::create_dir(&volume)?;
    fs::create_dir(&root)?;
    command("mount", &["--bind".as_ref(), volume.as_ref(), root.as_ref()])?;
    for (home, key) in [(&inside, "a"), (&outside, "b"), (&inside, "c")] {
        let store = open("FilesystemStore", home.path(), false).await?;
        store.put(key, "x".into(), with_metadata(20_000)).await?;
        for key in keys(&store).await? {
            let info = store.stat(&key).await?;
            ensure!(info.metadata == with_metadata(20_000).metadata, "{key}: {info:?}");
        }
        store.store().close().await?;
    }
    ensure!(fs::read_dir(outside.path())?.count() == 1, "something lies beside the root");
    Ok(())
}

#[tokio::test]
async fn a_filesystem_below_the_root_is_read_and_a_write_to_it_names_it() -> Result<()> {
    if elsewhere("a_filesystem_below_the_root_is_read_and_a_write_to_it_names_it")? {
        return Ok(());
    }
    for filesystem in KINDS {
        let home = tempfile::tempdir()?;
        let photos = home.path().join("root/all/photos");
        mount(filesystem, &photos)?;
        fs::create_dir(photos.join("2024"))?;
        fs::write(photos.join("2024/old"), "old")?;
        let store = open("FilesystemStore", home.path(), false).await?;
        store.put("all/other", "x".into(), PutOptions::default()).await?;
        for key in ["all/photos/2024/old", "all/photos/new/deep", "all/photos/top"] {
            let Err(Error::InvalidKey(said)) =
                store.put(key, "new".into(), PutOptions::default()).await
            else {
                anyhow::bail!("{key} was taken");
            };
            ensure!(said.contains("root/all/photos is another filesystem"), "{said}");
        }
        let info = store.stat("all/other").await?;
        let located = store.locate_copy("all/other", &store, "all/photos/copy").await;
        let copied = located.context("no copy")?.copy(&info, PutOptions::default()).await;
        ensure!(matches!(copied, Err(Error::InvalidKey(_))), "it was copied there");
        ensure!(text(&store, "all/photos/2024/old").await? == "old");
        ensure!(keys(&store).await? == ["all/other", "all/photos/2024/old"]);
        store.delete("all/photos/2024/old", DeleteOptions::default()).await?;
        ensure!(keys(&store).await? == ["all/other"]);
        let left = files(home.path())?;
        ensure!(left == ["root/all/other"], "{left:?}");
        store.store().close().await?;
        command("umount", &[photos.as_ref()])?;
    }
    Ok(())
}

/// Runs the binary as a user with no rights but those that `home` gives everybody.
fn as_nobody(home: &TempDir, args: &[&str]) -> Result<(bool, String)> {
    let program = home.path().join("storage-host");
    if !program.exists() {
        fs::hard_link(binary(), &program).or_else(|_| fs::copy(binary(), &program).map(drop))?;
    }
    let mut command = Command::new(program);
    command.current_dir(home.path()).env("HOME", home.path()).args(args);
    let output = command.uid(65534).gid(65534).output()?;
    let said = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8(said)?))
}

/// The usual setup of a large disk: the user owns it, but neither its parent folder nor
/// the files at its top.
#[test]
fn whoever_owns_only_the_mounted_disk_can_use_it() -> Result<()> {
    if elsewhere("whoever_owns_only_the_mounted_disk_can_use_it")? {
        return Ok(());
    }
    let home = tempfile::tempdir()?;
    let root = home.path().join("root");
    fs::set_permissions(home.path(), Permissions::from_mode(0o755))?;
    mount("ext4", &root)?;
    chown(&root, Some(65534), Some(65534))?;
    ensure!(root.join("lost+found").exists(), "an ext4 without lost+found");
    let yaml = "stores: {main: {type: FilesystemStore, config: {root_path: root}}}\nmain: main\n";
    fs::write(home.path().join("stores.yaml"), yaml)?;
    fs::write(home.path().join("input"), "hello")?;
    for (args, wanted) in [
        (&["check"][..], "ok      main"),
        (&["put", "a/b", "input"], ""),
        (&["put", "a/b", "input"], ""),
        (&["ls", "a/"], "b"),
        (&["get", "a/b", "-"], "hello"),
        (&["check"], "ok      main"),
    ] {
        let (fine, said) = as_nobody(&home, args)?;
        ensure!(fine && said.contains(wanted), "{args:?}: {said}");
    }
    // This does not hold for another user's folder that is not a mount point.
    fs::create_dir(home.path().join("plain"))?;
    chown(home.path().join("plain"), Some(65534), Some(65534))?;
    fs::write(home.path().join("plain.yaml"), yaml.replace("root_path: root", "root_path: plain"))?;
    for args in [&["-c", "plain.yaml", "check"][..], &["-c", "plain.yaml", "put", "k", "input"]] {
        let (fine, said) = as_nobody(&home, args)?;
        ensure!(!fine && said.contains(".plain.storage"), "{args:?}: {said}");
    }
    Ok(())
}

#[tokio::test]
async fn a_disk_that_is_mounted_read_only_is_read() -> Result<()> {
    if elsewhere("a_disk_that_is_mounted_read_only_is_read")? {
        return Ok(());
    }
    let home = tempfile::tempdir()?;
    let root = home.path().join("root");
    mount("ext4", &root)?;
    let store = open("FilesystemStore", home.path(), false).await?;
    store.put("k", "v".into(), with_metadata(20_000)).await?;
    store.store().close().await?;
    drop(store);
    command("mount", &["-o".as_ref(), "remount,ro".as_ref(), root.as_ref()])?;
    for check_only in [true, false] {
        let store = open("FilesystemStore", home.path(), check_only).await?;
        ensure!(keys(&store).await? == ["k"] && text(&store, "k").await? == "v");
    }
    let store = open("FilesystemStore", home.path(), false).await?;
    let put = store.put("k", "w".into(), PutOptions::default()).await;
    ensure!(matches!(&put, Err(Error::PermissionDenied(_))), "{put:?}");
    Ok(())
}
