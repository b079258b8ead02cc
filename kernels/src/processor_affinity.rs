//! Keeps threads that hand work to each other on one processor.
#![allow(unsafe_code, reason = "a system call without a safe wrapper that leaves other crates' features alone")]

use std::io;

/// Keeps the calling thread, of all processors it may run on, on the last one:
/// the first ones mostly serve the devices. Threads that call this share that
/// processor. One that wakes another need not wait until a second processor,
/// asleep or taken away by a host, is there.
///
/// Returns the processor's number.
///
/// # Errors
/// The system's own; `Unsupported` where there is no such call.
///
/// Cost: two system calls.
#[cfg(target_os = "linux")]
pub fn share_last_processor() -> io::Result<usize> {
    let size = size_of::<libc::cpu_set_t>();
    // SAFETY: `cpu_set_t` is a plain array of bits; all zero is the empty set.
    // Watched by `threads_end_on_one_processor_that_they_may_use`.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: 0 is the calling thread and `set` has `size` bytes to write; what
    // is returned is checked. Watched by the same test.
    if unsafe { libc::sched_getaffinity(0, size, &raw mut set) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let most = libc::CPU_SETSIZE.unsigned_abs() as usize;
    // SAFETY: the numbers stay below the bits of the set. Watched by the same test.
    let last = (0..most).rev().find(|&processor| unsafe { libc::CPU_ISSET(processor, &set) });
    let Some(last) = last else { return Err(io::ErrorKind::NotFound.into()) };
    // SAFETY: as above; the bit is one that was set. Watched by the same test.
    let status = unsafe {
        libc::CPU_ZERO(&mut set);
        libc::CPU_SET(last, &mut set);
        libc::sched_setaffinity(0, size, &raw const set)
    };
    if status == 0 { Ok(last) } else { Err(io::Error::last_os_error()) }
}

/// Keeps the calling thread on one processor.
///
/// # Errors
/// `Unsupported`: there is no such call here.
#[cfg(not(target_os = "linux"))]
pub fn share_last_processor() -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::share_last_processor;

    #[test]
    fn threads_end_on_one_processor_that_they_may_use() {
        // In threads of their own: the test's thread keeps its processors.
        let on = || std::thread::spawn(|| (share_last_processor(), std::thread::available_parallelism()));
        let [a, b] = [on(), on()].map(|thread| thread.join().expect("the thread ends"));
        let (first, second) = (a.0.expect("a processor is allowed"), b.0.expect("a processor is allowed"));
        assert_eq!(first, second);
        // It counts the processors that the calling thread may use.
        assert_eq!(a.1.expect("the count is known").get(), 1);
    }
}
