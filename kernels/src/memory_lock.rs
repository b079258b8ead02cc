//! Keeps the program's pages in memory.
#![allow(unsafe_code, reason = "a system call without a safe wrapper that leaves other crates' features alone")]

use std::io;

/// Locks the pages the process has now into memory, so that none of them has
/// to be read back from the swap when a pose is waiting. Pages that come later
/// are not locked: a CT that does not fit the limit must not end the program.
///
/// # Errors
/// The system's own, mostly a missing right (`CAP_IPC_LOCK` or a memlock
/// limit); `Unsupported` where there is no such call.
#[cfg(unix)]
pub fn lock_memory() -> io::Result<()> {
    // SAFETY: `mlockall` takes flags only and touches no memory of ours; what it
    // returns is checked. Watched by `what_the_system_says_is_told`.
    let status = unsafe { libc::mlockall(libc::MCL_CURRENT) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Locks the pages the process has now into memory.
///
/// # Errors
/// `Unsupported`: there is no such call here.
#[cfg(not(unix))]
pub fn lock_memory() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_the_system_says_is_told() {
        // Allowed or not, it answers; a refusal says why.
        if let Err(error) = super::lock_memory() {
            assert!(!error.to_string().is_empty());
        }
    }
}
