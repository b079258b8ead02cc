//! Ctrl-C as a wish to end, while something is recorded that would be lost.
#![allow(unsafe_code, reason = "the standard library has no way to take a signal")]

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set by the handler, which may do nothing else.
static IS_ASKED: AtomicBool = AtomicBool::new(false);

/// While one lives, the first Ctrl-C (SIGINT) is a wish that can be asked for;
/// the second ends the process, as the first does again when it is dropped.
///
/// Promises nothing about when the wish is looked at: the caller's loop does
/// that. One at a time in a process; of two the older one's wish is lost.
/// `nav_app`'s live recordings use it.
#[must_use = "dropping it gives Ctrl-C back"]
pub struct Interrupt {
    #[cfg(unix)]
    before: libc::sigaction,
}

#[cfg(unix)]
extern "C" fn note(_signal: libc::c_int) {
    IS_ASKED.store(true, Ordering::Relaxed);
}

impl Interrupt {
    /// Takes Ctrl-C from now on.
    ///
    /// # Errors
    /// What the system says; on systems without POSIX signals nothing is taken,
    /// and Ctrl-C ends the process.
    #[cfg(unix)]
    pub fn watch() -> io::Result<Self> {
        IS_ASKED.store(false, Ordering::Relaxed);
        // SAFETY: all zeros are a valid `sigaction`: integers, an empty mask and, where
        // there is one, a null restorer.
        let (mut ours, mut before): (libc::sigaction, libc::sigaction) = unsafe { std::mem::zeroed() };
        ours.sa_sigaction = note as extern "C" fn(libc::c_int) as *const () as libc::sighandler_t;
        // Reset: the second one ends the process, whatever this program is busy with.
        ours.sa_flags = libc::SA_RESTART | libc::SA_RESETHAND;
        // SAFETY: both structures live until the call returns, and the handler only stores
        // to an atomic, which is allowed in a signal handler. Watched by the test below.
        let status = unsafe { libc::sigaction(libc::SIGINT, &raw const ours, &raw mut before) };
        if status == 0 { Ok(Self { before }) } else { Err(io::Error::last_os_error()) }
    }

    /// Takes nothing.
    ///
    /// # Errors
    /// None.
    #[cfg(not(unix))]
    pub fn watch() -> io::Result<Self> {
        IS_ASKED.store(false, Ordering::Relaxed);
        Ok(Self {})
    }

    /// True once Ctrl-C came.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        IS_ASKED.load(Ordering::Relaxed)
    }
}

#[cfg(unix)]
impl Drop for Interrupt {
    fn drop(&mut self) {
        // SAFETY: `before` is what the system itself returned for this signal.
        let _left_as_it_is = unsafe { libc::sigaction(libc::SIGINT, &raw const self.before, std::ptr::null_mut()) };
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn handler() -> libc::sighandler_t {
        // SAFETY: zeros are valid, and the call only writes what is set now.
        unsafe {
            let mut now: libc::sigaction = std::mem::zeroed();
            assert_eq!(libc::sigaction(libc::SIGINT, std::ptr::null(), &raw mut now), 0);
            now.sa_sigaction
        }
    }

    #[test]
    fn the_first_is_a_wish_the_second_is_not_ours_and_the_end_gives_it_back() {
        let before = handler();
        let watched = Interrupt::watch().unwrap();
        assert!(!watched.is_asked() && handler() != before);
        // SAFETY: a handler is installed, so that the process goes on.
        assert_eq!(unsafe { libc::raise(libc::SIGINT) }, 0);
        assert!(watched.is_asked());
        assert_eq!(handler(), libc::SIG_DFL, "the next one ends the process");
        drop(watched);
        assert_eq!(handler(), before);
        let again = Interrupt::watch().unwrap();
        assert!(!again.is_asked());
    }
}
