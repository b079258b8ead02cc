//! Room on the disk that holds a folder.
#![allow(unsafe_code, reason = "a system call without a safe wrapper that leaves other crates' features alone")]

use std::io;
use std::path::Path;

/// Bytes that this user may still write to the disk of `folder`.
///
/// # Errors
/// The system's own, mostly that the folder is not there; `Unsupported` where
/// there is no such call. Cost: one system call.
#[cfg(unix)]
pub fn free_bytes(folder: &Path) -> io::Result<u64> {
    use std::os::unix::ffi::OsStrExt;

    let path = std::ffi::CString::new(folder.as_os_str().as_bytes())?;
    let mut space = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: the path ends with a zero byte, and the call writes at most one `statvfs` to where
    // there is room for one. Watched by `a_folder_has_room_and_a_missing_one_an_error`.
    let status = unsafe { libc::statvfs(path.as_ptr(), space.as_mut_ptr()) };
    if status != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so that it has filled in all fields.
    let space = unsafe { space.assume_init() };
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

/// Bytes that this user may still write to the disk of `folder`.
///
/// # Errors
/// `Unsupported`: there is no such call here.
#[cfg(not(unix))]
pub fn free_bytes(_folder: &Path) -> io::Result<u64> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_room_and_a_missing_one_an_error() {
        assert!(free_bytes(&std::env::temp_dir()).unwrap() > 0);
        assert!(free_bytes(Path::new("/proc/self/not-there")).is_err());
    }
}
