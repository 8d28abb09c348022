//! The process, as the kernel sees it; what it does not say is left out.

use std::fs;

use prometheus_client::{collector::Collector, encoding::DescriptorEncoder};

use super::{
    page::{Page, family},
    seconds, size,
};

/// The process now.
#[derive(Debug)]
pub(super) struct Process {
    /// Milliseconds since 1970.
    started: i64,
    descriptors: Option<usize>,
    /// Bytes.
    resident: Option<usize>,
}

impl Process {
    /// Reads what the kernel says (`proc(5)`).
    pub(super) fn now(started: i64) -> Self {
        let descriptors = fs::read_dir("/proc/self/fd").ok();
        let status = fs::read_to_string("/proc/self/status").ok();
        Self {
            started,
            // Without the one that reads them.
            descriptors: descriptors.map(|open| open.count().saturating_sub(1)),
            resident: status.as_deref().and_then(resident),
        }
    }
}

/// `VmRSS`, in bytes.
fn resident(status: &str) -> Option<usize> {
    let kilobytes =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?;
    kilobytes.parse::<usize>().ok()?.checked_mul(1024)
}

impl Collector for Process {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let mut page = Page(encoder);
        let rows = |value: Option<usize>| value.map(|value| ([], size(value)));
        page.gauge(
            family("process_start_time", "When the process started").seconds(),
            seconds(self.started),
        )?;
        page.gauges(family("process_open_fds", "Descriptors open"), rows(self.descriptors))?;
        page.gauges(family("process_resident_memory", "Memory held").bytes(), rows(self.resident))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_what_is_held() {
        let process = Process::now(1);
        assert!(process.descriptors.is_some_and(|open| open > 2));
        assert!(process.resident.is_some_and(|bytes| bytes > 1024 * 1024));
        assert_eq!(resident("VmPeak:\t 9 kB\nVmRSS:\t    1234 kB\n"), Some(1234 * 1024));
        assert_eq!(resident("VmRSS:\t1234 MB\n"), None);
        assert_eq!(resident(""), None);
    }
}
