//! An object larger than any memory, through the command line and the endpoint.
//!
//! It is all zeroes and compressed on its way to the disk, so it takes next to no space
//! there. `STORAGE_SCALE_GIB=100` runs the large version.

use anyhow::{Context, Result, ensure};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use storage_tests::server::{Server, binary};
use storage_tests::{http, process};

const STORES: &str = "
stores:
  files: {type: FilesystemStore, config: {root_path: files}}
  main: {type: GzipStore, base: files, config: {level: 1, max_size: 1099511627776}}
main: main
";

/// The memory limit of a process, in KiB.
const MOST: u64 = 150 * 1024;

const PIECE: usize = 1024 * 1024;

fn size() -> Result<u64> {
    Ok(process::scale("STORAGE_SCALE_GIB", 1)? << 30)
}

/// Checks that the input is exactly this many zeroes.
fn zeroes(mut from: impl Read, size: u64) -> Result<()> {
    let mut piece = vec![0; PIECE];
    let zero = vec![0; PIECE];
    let mut left = size;
    loop {
        let read = from.read(&mut piece)?;
        if read == 0 {
            break;
        }
        ensure!(piece[..read] == zero[..read], "{left} bytes before the end there is no zero");
        left = left.checked_sub(read as u64).context("more bytes than there are")?;
    }
    ensure!(left == 0, "{left} bytes are missing");
    Ok(())
}

fn told(what: &str, size: u64, taken: Duration, most: u64) -> Result<()> {
    let rate = size as f64 / taken.as_secs_f64() / f64::from(1 << 20);
    println!("{what} {} GiB in {taken:.0?}, {rate:.0} MiB/s; {most} KiB at most", size >> 30);
    ensure!(most < MOST, "{what}: {most} KiB");
    Ok(())
}

/// Runs a verb and returns its peak memory in KiB.
fn run(
    mut command: Command,
    work: impl FnOnce(&mut std::process::Child) -> Result<()>,
) -> Result<u64> {
    let mut child = command.spawn()?;
    let pid = child.id().to_string();
    let watch = std::thread::spawn(move || {
        let mut most = 0;
        // The peak can't be read once the process has ended.
        while let Ok(now) = process::kibibytes(&pid, "status", "VmHWM") {
            most = most.max(now);
            std::thread::sleep(Duration::from_millis(50));
        }
        most
    });
    work(&mut child)?;
    let status = child.wait()?;
    ensure!(status.success(), "{command:?} ended with {status}");
    watch.join().map_err(|_| anyhow::anyhow!("the watch panicked"))
}

#[test]
fn put_and_get_stream_an_object_larger_than_memory() -> Result<()> {
    let size = size()?;
    let directory = tempfile::tempdir()?;
    fs::write(directory.path().join("stores.yaml"), STORES)?;
    // A sparse file takes no space on the disk.
    File::create(directory.path().join("sparse"))?.set_len(size)?;
    // The first start after a build compiles the component, which takes much memory.
    ensure!(storage_tests::server::run(directory.path(), &["kinds"]).status.success());
    let verb = |args: &[&str]| {
        let mut command = Command::new(binary());
        command.args(["-c", "stores.yaml"]).args(args).current_dir(directory.path());
        command.stdin(Stdio::null());
        command
    };
    let start = Instant::now();
    let most = run(verb(&["put", "large", "sparse"]), |_| Ok(()))?;
    told("storage-host put", size, start.elapsed(), most)?;
    let start = Instant::now();
    let mut get = verb(&["get", "large", "-"]);
    get.stdout(Stdio::piped());
    let most = run(get, |child| zeroes(child.stdout.take().context("no output")?, size))?;
    told("storage-host get", size, start.elapsed(), most)
}

#[test]
fn the_endpoint_streams_an_object_larger_than_memory() -> Result<()> {
    let size = size()?;
    ensure!(storage_tests::server::run(tempfile::tempdir()?.path(), &["kinds"]).status.success());
    let server = Server::start_anonymous(STORES)?;
    let start = Instant::now();
    let mut put = http::open(server.port(), "PUT", "/main/large", &[], usize::try_from(size)?)?;
    put.set_read_timeout(Some(Duration::from_secs(600)))?;
    let zero = vec![0; PIECE];
    for _ in 0..size / PIECE as u64 {
        put.write_all(&zero)?;
    }
    let mut answer = String::new();
    put.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let most = process::kibibytes(&server.pid(), "status", "VmHWM")?;
    told("PUT", size, start.elapsed(), most)?;
    let start = Instant::now();
    let mut get = http::open(server.port(), "GET", "/main/large", &[], 0)?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        get.read_exact(&mut byte)?;
        head.extend_from_slice(&byte);
    }
    let head = String::from_utf8(head)?.to_lowercase();
    ensure!(head.starts_with("http/1.1 200"), "{head}");
    ensure!(head.contains(&format!("content-length: {size}\r\n")), "{head}");
    zeroes(get, size)?;
    let most = process::kibibytes(&server.pid(), "status", "VmHWM")?;
    told("GET", size, start.elapsed(), most)?;
    server.stop()?;
    Ok(())
}
