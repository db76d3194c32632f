//! Describes the machine, and its other load during a measurement.

use anyhow::{Context, Result};
use std::fs;
use std::process::Command;
use time::OffsetDateTime;

/// Watches the processors from start to end.
pub struct Watch {
    load: String,
    before: Ticks,
}

/// Processor time since boot, over all processors, in kernel ticks.
struct Ticks {
    all: u64,
    busy: u64,
    /// Of that, the time of this process's children that have ended.
    ours: u64,
}

impl Watch {
    pub fn start() -> Result<Self> {
        let load = fs::read_to_string("/proc/loadavg")?;
        let load = load.split(' ').next().unwrap_or_default().to_owned();
        Ok(Self { load, before: Ticks::now()? })
    }

    /// One line with the machine, the commit, the day, and other load.
    pub fn end(self) -> Result<String> {
        let (before, now) = (self.before, Ticks::now()?);
        let busy = now.busy.saturating_sub(before.busy);
        let others = busy.saturating_sub(now.ours.saturating_sub(before.ours));
        let percent = others as f64 * 100.0 / now.all.saturating_sub(before.all).max(1) as f64;
        Ok(format!(
            "{} processors ({}), Linux {}, {}, commit {}. Load average before: {}; meanwhile \
             everything else, the kernel's own threads too, took {percent:.0} % of the processors.",
            std::thread::available_parallelism()?,
            processor()?,
            fs::read_to_string("/proc/sys/kernel/osrelease")?.trim(),
            OffsetDateTime::now_utc().date(),
            commit().unwrap_or("unknown".to_owned()),
            self.load,
        ))
    }
}

impl Ticks {
    fn now() -> Result<Self> {
        let stat = fs::read_to_string("/proc/stat")?;
        let line = stat.lines().next().unwrap_or_default();
        // user, nice, system, idle, iowait, irq, softirq, steal; guests are in user.
        let each: Vec<u64> =
            line.split_whitespace().skip(1).take(8).filter_map(|n| n.parse().ok()).collect();
        let all: u64 = each.iter().sum();
        let idle: u64 = each.iter().skip(3).take(2).sum();
        // The name, in parentheses, may contain anything.
        let own = fs::read_to_string("/proc/self/stat")?;
        let (_, own) = own.rsplit_once(')').context("/proc/self/stat")?;
        let own: Vec<&str> = own.split_whitespace().collect();
        // The time of ended children: cutime and cstime.
        let ours = own.iter().skip(13).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
        Ok(Self { all, busy: all - idle, ours })
    }
}

fn processor() -> Result<String> {
    let info = fs::read_to_string("/proc/cpuinfo")?;
    let line = info.lines().find(|line| line.starts_with("model name"));
    Ok(line.and_then(|line| line.split_once(": ")).map_or("unknown", |(_, name)| name).to_owned())
}

/// The commit, and whether the code differs from it.
fn commit() -> Option<String> {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short", "HEAD"])?;
    let changed = git(&[
        "status",
        "--porcelain",
        "--untracked-files=no",
        "--",
        ":(top)",
        ":(top,exclude)docs",
    ])?;
    Some(if changed.is_empty() { commit } else { format!("{commit} with changes") })
}
