//! Injects system call failures into a program, using strace.

use crate::servers::unpacked;
use anyhow::{Context, Result, bail, ensure};
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::{Read, Seek};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::NamedTempFile;

/// A system call to fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The name of the call.
    pub call: String,
    /// The call's number within each thread, from 1.
    pub nth: usize,
    /// The error's `errno` name.
    pub error: &'static str,
}

/// A system call that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The thread that made it.
    pub thread: String,
    /// The name of the call.
    pub name: String,
    /// The whole call as strace writes it, with arguments and result; file descriptors
    /// show their paths.
    pub text: String,
}

impl Call {
    /// Whether the failure was injected.
    pub fn failed(&self) -> bool {
        self.text.ends_with("(INJECTED)")
    }
}

/// strace from `PATH`, or else from Debian's package with the libraries that it needs.
fn strace() -> Result<Command> {
    let installed = Command::new("strace").arg("--version").output();
    if installed.is_ok_and(|done| done.status.success()) {
        return Ok(Command::new("strace"));
    }
    let root = unpacked(&["strace", "libunwind8"])
        .context("there is no strace in PATH, and Debian's package of it can't be had")?;
    let mut strace = Command::new(root.join("usr/bin/strace"));
    let folders = fs::read_dir(root.join("usr/lib"))?.collect::<Result<Vec<_>, _>>()?;
    let folders = folders.into_iter().map(|folder| folder.path().into_os_string());
    strace.env("LD_LIBRARY_PATH", folders.collect::<Vec<_>>().join(":".as_ref()));
    Ok(strace)
}

/// How long a traced program may run before it is killed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs a program to its end. Returns its output, and its calls of the names in
/// `calls`. Its working directory is fixed, since strace shows it with many calls.
pub fn run(
    program: &Path,
    args: &[&str],
    calls: &[&str],
    fault: Option<&Fault>,
) -> Result<(Output, Vec<Call>)> {
    let log = NamedTempFile::new()?;
    let mut command = strace()?;
    command.args(["-f", "-q", "-y", "-s", "0", "-o"]).arg(log.path());
    command.args(["-e", "signal=none", "-e", &format!("trace={}", calls.join(","))]);
    if let Some(Fault { call, nth, error }) = fault {
        command.args(["-e", &format!("inject={call}:error={error}:when={nth}")]);
    }
    command.arg("--").arg(program).args(args).current_dir("/").stdin(Stdio::null());
    let mut output = to_its_end(&mut command)?;
    // strace complains about a thread that was in the call at the program's end;
    // nothing failed.
    let lost = |line: &[u8]| line.starts_with(b"strace: Failed to tamper with process");
    let lines = output.stderr.split_inclusive(|byte| *byte == b'\n');
    output.stderr = lines.filter(|line| !lost(line)).collect::<Vec<_>>().concat();
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("PTRACE") {
        bail!("this machine lets no process trace another one, which strace does: {said}");
    }
    ensure!(!said.starts_with("strace: "), "{command:?}: {said}");
    Ok((output, parse(&fs::read_to_string(log.path())?)))
}

/// A running process with recurring failures of its calls, until it is stopped.
pub struct Disturbed {
    strace: Child,
    log: NamedTempFile,
}

impl Disturbed {
    /// Makes the named calls fail with this error, every so many calls of each thread.
    pub fn start(pid: &str, calls: &[&str], error: &str, every: usize) -> Result<Self> {
        let log = NamedTempFile::new()?;
        let calls = calls.join(",");
        let mut command = strace()?;
        command.args(["-f", "-q", "-s", "0", "-e", "signal=none", "-o"]).arg(log.path());
        command.args(["-e", &format!("trace={calls}"), "-p", pid]);
        command.args(["-e", &format!("inject={calls}:error={error}:when={every}+{every}")]);
        let strace = command.stdin(Stdio::null()).spawn()?;
        let mut disturbed = Self { strace, log };
        let start = Instant::now();
        while !traced(pid)? {
            ensure!(disturbed.strace.try_wait()?.is_none(), "strace can't trace a process here");
            ensure!(start.elapsed() < Duration::from_secs(30), "strace does not begin");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(disturbed)
    }

    /// Stops the failures and returns how many calls failed.
    pub fn stop(mut self) -> Result<usize> {
        let pid = rustix::process::Pid::from_child(&self.strace);
        rustix::process::kill_process(pid, rustix::process::Signal::INT)?;
        self.strace.wait()?;
        let calls = parse(&fs::read_to_string(self.log.path())?);
        Ok(calls.iter().filter(|call| call.failed()).count())
    }
}

impl Drop for Disturbed {
    fn drop(&mut self) {
        let _ = self.strace.kill();
        let _ = self.strace.wait();
    }
}

/// Whether every thread of a process is traced.
fn traced(pid: &str) -> Result<bool> {
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let status = fs::read_to_string(thread?.path().join("status")).unwrap_or_default();
        if status.lines().any(|line| line.split_whitespace().eq(["TracerPid:", "0"])) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Runs strace and its program to the end, or kills them after a while.
fn to_its_end(command: &mut Command) -> Result<Output> {
    let (mut out, mut err) = (tempfile::tempfile()?, tempfile::tempfile()?);
    // A process group of their own, so that both can be killed.
    let command = command.process_group(0).stdout(out.try_clone()?).stderr(err.try_clone()?);
    let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() > PATIENCE {
            let group = rustix::process::Pid::from_child(&child);
            rustix::process::kill_process_group(group, rustix::process::Signal::KILL)?;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    for (file, text) in [(&mut out, &mut stdout), (&mut err, &mut stderr)] {
        file.rewind()?;
        file.read_to_end(text)?;
    }
    Ok(Output { status, stdout, stderr })
}

/// Parses strace's log. A call that overlaps with another thread's has two lines.
fn parse(log: &str) -> Vec<Call> {
    let (mut calls, mut open) = (Vec::new(), HashMap::new());
    for line in log.lines() {
        let Some((thread, text)) = line.split_once(' ') else { continue };
        let text = text.trim();
        if let Some(text) = text.strip_suffix("<unfinished ...>") {
            open.insert(thread, text.trim_end());
            continue;
        }
        let whole = match text.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            Some((_, rest)) => format!("{}{rest}", open.remove(thread).unwrap_or_default()),
            None => text.to_owned(),
        };
        let Some((name, _)) = whole.split_once('(') else { continue };
        let (thread, name) = (thread.to_owned(), name.to_owned());
        calls.push(Call { thread, name, text: whole });
    }
    calls
}

/// The calls with `part` in their text, by name and number within their thread: the
/// ones to fail in turn.
pub fn places(calls: &[Call], part: &str) -> BTreeSet<(String, usize)> {
    let (mut made, mut places) = (HashMap::<(&str, &str), usize>::new(), BTreeSet::new());
    for call in calls {
        let count = made.entry((call.thread.as_str(), call.name.as_str())).or_default();
        *count += 1;
        if call.text.contains(part) {
            places.insert((call.name.clone(), *count));
        }
    }
    places
}

/// Runs a program with a limit on file size: a write beyond it is short, and the next
/// one fails.
pub fn run_with_small_files(program: &Path, args: &[&str], bytes: u64) -> Result<Output> {
    // The signal kills a program that does not ignore it.
    let script = "trap '' XFSZ; limit=$1; shift; exec prlimit --fsize=$limit -- \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", &bytes.to_string()]).arg(program).args(args);
    let command = command.current_dir("/").stdin(Stdio::null());
    command.output().with_context(|| format!("{command:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read_whole_and_counted_for_each_thread() {
        let log = "10 openat(AT_FDCWD</tmp>, \"a\") = 3</tmp/a>\n\
            10 write(3</tmp/a>, \"\"..., 5 <unfinished ...>\n\
            11 write(1</dev/null>, \"\"..., 1)  = 1\n\
            10 <... write resumed>) = -1 EIO (Input/output error) (INJECTED)\n\
            11 write(1</dev/null>, \"\"..., 1) = 1\n\
            10 +++ exited with 0 +++\n";
        let calls = parse(log);
        assert_eq!(calls.len(), 4);
        let failed: Vec<_> = calls.iter().filter(|call| call.failed()).collect();
        assert_eq!(failed.len(), 1);
        assert!(failed[0].text.starts_with("write(3</tmp/a>, \"\"..., 5) = -1 EIO"));
        let wanted = [("openat", 1), ("write", 1)].map(|(name, nth)| (name.to_owned(), nth));
        assert_eq!(places(&calls, "/tmp/a"), wanted.into());
    }
}
