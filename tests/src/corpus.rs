//! Files for clients to transfer, the same on every run.

use anyhow::Result;
use std::fs;
use std::path::Path;
use storage_conformance::strange;

/// Names that clients or servers tend to get wrong, but that every client here accepts.
const NAMES: &[&str] = &[
    "with space.txt",
    "a+b=c",
    "100% sure %41",
    "hash#tag",
    "quote'and\"double",
    "semi;colon&and=equals",
    "tilde~star (1)",
    "\u{e9}-composed",
    "e\u{301}-decomposed",
    "emoji 🚀/日本語",
    "deep/er/est.txt",
];

/// The size of `large.bin`: three parts of 5 MiB, the smallest part size of S3.
const LARGE: usize = 12 * 1024 * 1024 + 1;

/// Writes a small tree of files of mixed sizes to `work/source`, and tricky keys to
/// `work/keys.json`.
pub fn small_tree(work: &Path) -> Result<()> {
    let source = work.join("source");
    for (i, name) in NAMES.iter().enumerate() {
        let path = source.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        // Text files are one line; others have up to some 100 KB.
        let times = if name.ends_with(".txt") { 1 } else { 1 + i * 700 };
        fs::write(path, format!("{name}\n").repeat(times))?;
    }
    fs::write(source.join("plain.txt"), "plain.txt\n")?;
    fs::write(source.join("empty"), "")?;
    fs::write(source.join("one.bin"), "x")?;
    // Compressible in parts, without repeated blocks.
    let large = (0u64..).flat_map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15)).to_le_bytes());
    fs::write(source.join("large.bin"), large.take(LARGE).collect::<Vec<_>>())?;
    let keys: Vec<_> = strange::KEYS.iter().chain(strange::NO_PATHS).map(|(_, key)| key).collect();
    fs::write(work.join("keys.json"), serde_json::to_vec(&keys)?)?;
    Ok(())
}

/// Writes `count` files of a few bytes below `root`, a hundred per folder, and returns
/// their names in order.
pub fn many_files(root: &Path, count: usize) -> Result<Vec<String>> {
    let mut names = Vec::with_capacity(count);
    for i in 0..count {
        let name = format!("{:03}/file {i:05} \u{e9}+", i / 100);
        if i % 100 == 0 {
            fs::create_dir_all(root.join(&name[..3]))?;
        }
        fs::write(root.join(&name), &name)?;
        names.push(name);
    }
    Ok(names)
}
