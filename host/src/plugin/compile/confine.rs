//! Takes from a compiling child all that compiling does not need. All of it can be taken,
//! because by then the child has its threads, and nothing to open.

use std::io;
use std::thread::available_parallelism;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit};

/// Standard input, output and error. With no more descriptors than these, no file and no
/// socket can be opened.
const DESCRIPTORS: u64 = 3;

/// Compiling can wait for those who serve messages, but not as long as to miss its time.
const NICENESS: i32 = 5;

/// Bytes of memory that make one more thread worth its stack and what it works on.
const MEMORY_PER_THREAD: u64 = 64 << 20;

/// Limits this process for good: to so much memory in bytes, and to the processor time
/// that all its threads can use in `time`.
pub fn confine(time: Duration, memory: u64) -> io::Result<()> {
    // Where memory ends, the kernel kills the child and not the server. Not all systems
    // have it.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    nice(NICENESS)?;
    let share = usize::try_from(memory / MEMORY_PER_THREAD).unwrap_or(usize::MAX);
    let threads = free_processors().min(share).max(1);
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .map_err(io::Error::other)?;

    // Processor time, so that a busy machine is not the component's fault. It also ends a
    // child whose server was killed. (A signal at the parent's death would come when the
    // thread ends that started the child.)
    let seconds = (time.as_secs() + 1).saturating_mul(threads as u64);
    limit_to(Resource::Cpu, seconds, seconds + 2)?;
    // Not the address space: that has 64 MiB for each thread's malloc, reserved and not
    // used, and the executable's own hundreds of MiB in a debug build. This counts what
    // can be written to, stacks included.
    limit(Resource::Data, memory)?;
    limit(Resource::Core, 0)?;
    limit(Resource::Fsize, 0)?;
    limit(Resource::Nproc, 0)?;
    limit(Resource::Nofile, DESCRIPTORS)?;
    #[cfg(target_os = "linux")]
    super::system_calls::restrict()?;
    Ok(())
}

/// One less than there are processors, so that one serves messages; at least 1.
pub fn free_processors() -> usize {
    available_parallelism().map_or(1, |all| (all.get() - 1).max(1))
}

/// Sets a limit, or leaves a lower one that the server was started with.
fn limit(resource: Resource, most: u64) -> io::Result<()> {
    limit_to(resource, most, most)
}

/// What is at its soft limit gets a signal that says so; at the hard one it is killed.
fn limit_to(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    let given = getrlimit(resource).maximum;
    let at_most = |most: u64| Some(given.map_or(most, |given| given.min(most)));
    let limit = Rlimit {
        current: at_most(soft),
        maximum: at_most(hard),
    };
    Ok(setrlimit(resource, limit)?)
}
