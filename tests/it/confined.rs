//! So much memory and no more: a cgroup of the kernel's (`cgroup-v1/memory.rst`, `cgroup-v2.rst`), which kills whoever needs
//! more, and counts that.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use connect_guard::demo::stage::Stage;

use crate::running::{program, script};

/// Where the first version has its controller of memory, and the second all of them.
const FIRST: &str = "/sys/fs/cgroup/memory";
const SECOND: &str = "/sys/fs/cgroup";

/// A cgroup. Taken away when dropped, which is to be after whoever is in it.
pub struct Confined {
    folder: PathBuf,
    /// Where it counts.
    kills: &'static str,
}

impl Confined {
    /// Of so many MiB. Whoever may make no cgroup is told so.
    pub fn new(mebibytes: u32) -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let (root, limit, kills) = if Path::new(FIRST).join("memory.limit_in_bytes").exists() {
            (FIRST, "memory.limit_in_bytes", "memory.oom_control")
        } else {
            // It may be so already, or somebody else's to say: then there is no file below.
            drop(fs::write(Path::new(SECOND).join("cgroup.subtree_control"), "+memory"));
            (SECOND, "memory.max", "memory.events")
        };
        let name = format!("connect-guard-{}-{}", process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let folder = Path::new(root).join(name);
        let made = fs::create_dir(&folder)
            .and_then(|()| fs::write(folder.join(limit), (u64::from(mebibytes) << 20).to_string()));
        made.unwrap_or_else(|error| panic!("no cgroup can be made at {}: {error}", folder.display()));
        Self { folder, kills }
    }

    /// The guard's program, as a script that goes in there first.
    pub fn program(&self, stage: &Stage) -> PathBuf {
        let procs = self.folder.join("cgroup.procs");
        let text = format!("#!/bin/sh\necho $$ > {}\nexec {} \"$@\"\n", procs.display(), program());
        script(&stage.folder.join("confined"), &text)
    }

    /// How often somebody was killed for want of memory.
    pub fn kills(&self) -> u64 {
        let text = fs::read_to_string(self.folder.join(self.kills)).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("oom_kill ")).unwrap();
        line.parse().unwrap()
    }
}

impl Drop for Confined {
    fn drop(&mut self) {
        // Until whoever was in it is gone.
        for _ in 0..50 {
            if fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}
