//! Takes from a thread, for good, what a reader of a strange file never needs.
#![allow(unsafe_code, reason = "system calls without a safe wrapper that leaves other crates' features alone")]

use std::io;

/// Refuses this thread, and all it starts, with "permission denied": sockets,
/// other programs and processes, signals to others, looking into other processes,
/// and changes to the file system's names and rights. Files can be opened,
/// read and (where the rights allow it) written; threads can be started.
///
/// A list of what is refused and not of what is allowed: decoders and the
/// system's library stay free to use what they need. It is one more wall, not
/// a proof. Cannot be taken back. Called by `engine::io::isolated`.
///
/// # Errors
/// `Unsupported` on systems other than Linux on x86-64 and ARM64; the system's
/// own where it has no filters (seccomp).
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub fn refuse_system_calls() -> io::Result<()> {
    let mut filter = program();
    let length = u16::try_from(filter.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let program = libc::sock_fprog { len: length, filter: filter.as_mut_ptr() };
    // SAFETY: the first call takes numbers only; the second reads `program` and the
    // `filter.len()` instructions it points to, which both live until it returns,
    // and keeps a copy. What they return is checked. Watched by
    // `what_a_reader_never_needs_is_refused_and_the_rest_works`.
    let status = unsafe {
        match libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) {
            0 => libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program),
            failed => failed,
        }
    };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Does nothing.
///
/// # Errors
/// `Unsupported`: there are no such filters here.
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub fn refuse_system_calls() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod filter {
    use libc::{c_long, sock_filter};

    /// `AUDIT_ARCH_*` of linux/audit.h: another architecture numbers its calls otherwise.
    #[cfg(target_arch = "x86_64")]
    const ARCHITECTURE: u32 = 0xc000_003e;
    #[cfg(target_arch = "aarch64")]
    const ARCHITECTURE: u32 = 0xc000_00b7;
    /// Numbers from here on are those of the x32 ABI.
    const FIRST_X32: u32 = 0x4000_0000;
    /// Where `struct seccomp_data` holds the number, the architecture and the first argument's low half.
    const NUMBER: u32 = 0;
    const ARCH: u32 = 4;
    const FIRST_ARGUMENT: u32 = 16;

    /// What is refused everywhere.
    const REFUSED: [c_long; 33] = [
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_sendto,
        libc::SYS_sendmsg,
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_kill,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_pidfd_open,
        libc::SYS_unlinkat,
        libc::SYS_renameat,
        libc::SYS_renameat2,
        libc::SYS_linkat,
        libc::SYS_symlinkat,
        libc::SYS_mkdirat,
        libc::SYS_mknodat,
        libc::SYS_fchmod,
        libc::SYS_fchmodat,
        libc::SYS_fchown,
        libc::SYS_fchownat,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_chroot,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_bpf,
        libc::SYS_io_uring_setup,
        libc::SYS_keyctl,
    ];
    /// The same in older forms.
    #[cfg(target_arch = "x86_64")]
    const OLDER: [c_long; 11] = [
        libc::SYS_fork,
        libc::SYS_vfork,
        libc::SYS_unlink,
        libc::SYS_rename,
        libc::SYS_link,
        libc::SYS_symlink,
        libc::SYS_mkdir,
        libc::SYS_rmdir,
        libc::SYS_mknod,
        libc::SYS_chmod,
        libc::SYS_chown,
    ];
    #[cfg(target_arch = "aarch64")]
    const OLDER: [c_long; 0] = [];

    fn load(offset: u32) -> sock_filter {
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset, 0, 0)
    }

    fn answer(with: u32) -> sock_filter {
        instruction(libc::BPF_RET | libc::BPF_K, with, 0, 0)
    }

    /// Skips `yes` instructions where the test holds, `no` where it does not.
    fn test(test: u32, k: u32, yes: u8, no: u8) -> sock_filter {
        instruction(libc::BPF_JMP | test | libc::BPF_K, k, yes, no)
    }

    const fn instruction(code: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
        sock_filter { code: code as u16, jt, jf, k }
    }

    const fn error(number: i32) -> u32 {
        libc::SECCOMP_RET_ERRNO | number as u32
    }

    /// The filter, in the order it is run.
    pub fn program() -> Vec<sock_filter> {
        let (allow, deny) = (answer(libc::SECCOMP_RET_ALLOW), answer(error(libc::EACCES)));
        let mut program = vec![load(ARCH), test(libc::BPF_JEQ, ARCHITECTURE, 1, 0), deny, load(NUMBER)];
        if cfg!(target_arch = "x86_64") {
            program.extend([test(libc::BPF_JGE, FIRST_X32, 0, 1), deny]);
        }
        for number in REFUSED.into_iter().chain(OLDER) {
            program.extend([test(libc::BPF_JEQ, number as u32, 0, 1), deny]);
        }
        // The library falls back to `clone`, whose flags can be looked at.
        program.extend([test(libc::BPF_JEQ, libc::SYS_clone3 as u32, 0, 1), answer(error(libc::ENOSYS))]);
        // A thread may be started, a process may not.
        program.extend([
            test(libc::BPF_JEQ, libc::SYS_clone as u32, 0, 3),
            load(FIRST_ARGUMENT),
            test(libc::BPF_JSET, libc::CLONE_THREAD as u32, 1, 0),
            deny,
            allow,
        ]);
        program
    }
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
use filter::program;

#[cfg(all(test, target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tests {
    use std::io::ErrorKind;
    use std::process::Command;

    #[test]
    fn what_a_reader_never_needs_is_refused_and_the_rest_works() {
        // The filter stays with the thread that asked for it.
        let confined = std::thread::spawn(|| {
            if let Err(error) = super::refuse_system_calls() {
                return println!("skipped: this system has no filters: {error}");
            }
            let refused = |result: std::io::Result<()>| result.unwrap_err().kind();
            assert_eq!(refused(std::net::TcpListener::bind("127.0.0.1:0").map(drop)), ErrorKind::PermissionDenied);
            assert_eq!(refused(std::net::UdpSocket::bind("127.0.0.1:0").map(drop)), ErrorKind::PermissionDenied);
            assert_eq!(refused(Command::new("/bin/true").status().map(drop)), ErrorKind::PermissionDenied);
            let folder = std::env::temp_dir().join("spinenav-refused");
            assert_eq!(refused(std::fs::create_dir(folder)), ErrorKind::PermissionDenied);
            assert!(std::fs::read("/proc/self/status").is_ok_and(|text| !text.is_empty()));
            let sum = std::thread::spawn(|| (0..1000).sum::<u64>()).join().unwrap();
            assert_eq!(sum, 499_500);
        });
        confined.join().unwrap();
        // Nobody else lost anything.
        assert!(std::net::TcpListener::bind("127.0.0.1:0").is_ok());
    }
}
