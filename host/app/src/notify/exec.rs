//! Runs a command per event, without a shell, with the event as JSON on standard input.

use super::message::Message;
use super::stop::Stop;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use storage_core::decorators::notifying::Exec;

/// How often a running command is polled.
const LOOK: Duration = Duration::from_millis(10);

pub(super) fn run(exec: &Exec, message: &Message, stop: &Stop) -> Result<(), String> {
    let Some((program, arguments)) = exec.command.split_first() else { return Ok(()) };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // A process group of its own, so that its children can be killed with it.
        .process_group(0)
        .spawn()
        .map_err(|e| format!("the command {program:?} can't be run: {e}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // An event fits into the pipe's buffer, so this does not block. The command
        // need not read it.
        let _ = stdin.write_all(format!("{}\n", message.json).as_bytes());
    }
    let until = Instant::now() + stop.at_most(exec.timeout);
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("the command {program:?} ended with {status}")),
            Ok(None) if Instant::now() < until && !stop.at_most(LOOK).is_zero() => {
                std::thread::sleep(LOOK);
            }
            other => {
                if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                    let _ = kill_process_group(group, Signal::KILL);
                }
                let _ = child.kill();
                let _ = child.wait();
                return Err(match other {
                    Err(e) => format!("the command {program:?}: {e}"),
                    Ok(_) => format!("the command {program:?} took too long and was ended"),
                });
            }
        }
    }
}
