//! System calls that a compiling child may make: those for memory, for waiting, for its
//! pipes, and for ending.
//!
//! All others fail as on a kernel that does not know them, which libraries are prepared
//! for: a new libc that tries something else falls back instead of being killed.

use std::io;

use libc::{MAP_SHARED, PROT_EXEC};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter_all_threads,
};

/// Allowed with whatever arguments.
const PLAIN: [libc::c_long; 24] = [
    // Memory.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_mremap,
    libc::SYS_munmap,
    // Pipes.
    libc::SYS_close,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    // Threads that wait for each other.
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_futex,
    libc::SYS_nanosleep,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    // Hash maps.
    libc::SYS_getrandom,
    // Crashing, and ending.
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
];

/// Restricts every thread of this process, and what they could start, for good.
pub fn restrict() -> io::Result<()> {
    let filter = filter().map_err(io::Error::other)?;
    apply_filter_all_threads(&filter).map_err(|error| {
        io::Error::other(format!(
            "{error}; the kernel, or the container's profile, must allow seccomp filters"
        ))
    })
}

fn filter() -> Result<BpfProgram, seccompiler::BackendError> {
    // Nothing is run that was not there from the start, ...
    let not_executable = unset(2, PROT_EXEC)?;
    // ... and all memory counts: the limit does not see what is shared.
    let private = unset(3, MAP_SHARED)?;
    // `abort` signals its own process.
    let own = SeccompCondition::new(
        0,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::Eq,
        u64::from(std::process::id()),
    )?;
    let conditional = [
        (libc::SYS_mmap, vec![not_executable.clone(), private]),
        (libc::SYS_mprotect, vec![not_executable]),
        (libc::SYS_tgkill, vec![own]),
    ];
    let mut rules: std::collections::BTreeMap<_, _> =
        PLAIN.into_iter().map(|call| (call, Vec::new())).collect();
    for (call, conditions) in conditional {
        rules.insert(call, vec![SeccompRule::new(conditions)?]);
    }
    SeccompFilter::new(
        rules,
        SeccompAction::Errno(libc::ENOSYS.unsigned_abs()),
        SeccompAction::Allow,
        std::env::consts::ARCH.try_into()?,
    )?
    .try_into()
}

/// None of `bits` is set in an argument.
fn unset(argument: u8, bits: libc::c_int) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(
        argument,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::MaskedEq(u64::from(bits.unsigned_abs())),
        0,
    )
}
