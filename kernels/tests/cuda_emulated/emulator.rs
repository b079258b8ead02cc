//! The knobs of the driver stand-in (`cuda/emu/driver.cpp`).

use std::ffi::{CStr, CString, c_char, c_int, c_longlong, c_uint, c_void};
use std::sync::{Mutex, MutexGuard, PoisonError};

unsafe extern "C" {
    fn emulator_set(name: *const c_char, value: c_longlong);
    fn emulator_launches() -> c_longlong;
    fn emulator_allocations() -> c_longlong;
    fn emulator_memory_in_use() -> c_longlong;
    fn emulator_launch(
        name: *const c_char,
        blocks: c_uint,
        threads: c_uint,
        shared: c_uint,
        arguments: *mut *mut c_void,
    ) -> c_int;
    fn emulator_error() -> *const c_char;
}

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The stand-in has one state for the whole process: tests take turns.
pub struct Emulator {
    _turn: MutexGuard<'static, ()>,
}

impl Emulator {
    pub fn take() -> Self {
        Self { _turn: ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner) }
    }

    pub fn set(&self, name: &str, value: i64) {
        let name = CString::new(name).unwrap();
        // SAFETY: a string that lives through the call.
        unsafe { emulator_set(name.as_ptr(), value) }
    }

    pub fn launches(&self) -> i64 {
        // SAFETY: reads a counter.
        unsafe { emulator_launches() }
    }

    pub fn allocations(&self) -> i64 {
        // SAFETY: reads a counter.
        unsafe { emulator_allocations() }
    }

    pub fn memory_in_use(&self) -> i64 {
        // SAFETY: reads a counter.
        unsafe { emulator_memory_in_use() }
    }

    /// One block of a kernel; `arguments` point to the values it takes.
    pub fn launch(&self, name: &str, threads: u32, arguments: &mut [*mut c_void]) -> Result<(), String> {
        let name = CString::new(name).unwrap();
        // SAFETY: the test passes what the kernel takes.
        match unsafe { emulator_launch(name.as_ptr(), 1, threads, 0, arguments.as_mut_ptr()) } {
            0 => Ok(()),
            // SAFETY: a string that lives until the next launch of this thread.
            _ => Err(unsafe { CStr::from_ptr(emulator_error()) }.to_string_lossy().into_owned()),
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let defaults = [
            ("FAIL_AFTER", -1),
            ("MEMORY", 2 << 30),
            ("CAPABILITY", 80),
            ("DRIVER", 13_000),
            ("DEVICES", 1),
            ("SCHEDULE", 0),
        ];
        for (name, value) in defaults {
            self.set(name, value);
        }
    }
}
