//! What the operating system knows about processes: processor time, memory, placement, limits.

use std::fs;
use std::io;
use std::time::Duration;

/// The processor time that a process has used so far, all of its threads together, those that have ended too.
pub fn cpu_time(pid: u32) -> io::Result<Duration> {
    let mut clock = 0;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: both pointers are to values of the right type that live across the calls.
    unsafe {
        match libc::clock_getcpuclockid(pid as libc::pid_t, &mut clock) {
            0 => {}
            error => return Err(io::Error::from_raw_os_error(error)),
        }
        if libc::clock_gettime(clock, &mut time) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

/// The resident memory of a process, in bytes, counted page by page.
pub fn resident(pid: u32) -> io::Result<usize> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let rss = rollup.lines().find_map(|line| line.strip_prefix("Rss:")).unwrap_or_default();
    let kib: usize = rss.trim().trim_end_matches(" kB").parse().map_err(io::Error::other)?;
    Ok(kib << 10)
}

/// Keeps this process, and those that it starts from now on, on one processor.
pub fn stay_on(processor: usize) -> io::Result<()> {
    // SAFETY: an all-zero set is a valid empty one; the pointer is to it, with its size.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(processor, &mut set);
        if libc::sched_setaffinity(0, size_of_val(&set), &set) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Raises the number of files that this process and its children may open as far as it goes. Says how many that is.
pub fn raise_open_files() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointers are to a value of the right type.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) != 0 {
            return Err(io::Error::last_os_error());
        }
        limit.rlim_cur = limit.rlim_max;
        if libc::setrlimit(libc::RLIMIT_NOFILE, &limit) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(limit.rlim_cur)
}

/// The processor's name and how many there are, and the kernel.
pub fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    let count = info.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{}, {count} processors, Linux {}",
        model.trim_start_matches(['\t', ' ', ':']),
        kernel.trim().split('-').next().unwrap_or_default()
    )
}
