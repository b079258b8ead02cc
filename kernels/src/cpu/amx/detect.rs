//! Whether this process may use the tile instructions.

use std::arch::asm;
use std::arch::x86_64::{__cpuid, __cpuid_count};
use std::sync::OnceLock;

/// `arch_prctl`, and its argument that asks for a part of the processor's
/// state too large to be given to everybody (Linux,
/// Documentation/arch/x86/xstate.rst).
const ARCH_PRCTL: usize = 158;
const ARCH_REQ_XCOMP_PERM: usize = 0x1023;

/// The tiles' numbers in XCR0: their configuration and their contents.
const XTILECFG: u32 = 17;
const XTILEDATA: u32 = 18;

/// Asks the processor and, once, the operating system.
///
/// Linux also refuses when a thread has a signal stack that cannot hold the
/// tiles; the answer is then no, and the program goes on without them.
pub(super) fn detect() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| has_instructions() && has_full_tiles() && system_saves_tiles() && request_permission())
}

/// AMX-BF16 and AMX-TILE: leaf 7, EDX bits 22 and 24.
fn has_instructions() -> bool {
    if __cpuid(0).eax < 0x1d {
        return false;
    }
    let features = __cpuid_count(7, 0).edx;
    features >> 22 & 1 == 1 && features >> 24 & 1 == 1
}

/// Palette 1 (leaf 0x1d): eight tiles of 16 rows of 64 bytes.
fn has_full_tiles() -> bool {
    let palette = __cpuid_count(0x1d, 1);
    let (row_bytes, tiles, rows) = (palette.ebx & 0xffff, palette.ebx >> 16, palette.ecx & 0xffff);
    row_bytes == 64 && tiles == 8 && rows == 16
}

fn system_saves_tiles() -> bool {
    let has_xgetbv = __cpuid(1).ecx >> 27 & 1 == 1;
    if !has_xgetbv {
        return false;
    }
    let low: u32;
    // SAFETY: the bit above (OSXSAVE) says that the instruction may be used
    // (test `asking_is_harmless`).
    unsafe { asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") _, options(nostack, nomem, preserves_flags)) };
    low >> XTILECFG & 1 == 1 && low >> XTILEDATA & 1 == 1
}

fn request_permission() -> bool {
    let result: isize;
    // SAFETY: the call takes two numbers and changes nothing but what this
    // process may do; the kernel overwrites rcx and r11 (test
    // `asking_is_harmless`).
    unsafe {
        asm!("syscall", inlateout("rax") ARCH_PRCTL => result, in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XTILEDATA as usize, lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_is_harmless() {
        assert_eq!(detect(), detect());
        assert!(!detect() || (has_instructions() && system_saves_tiles()));
        // Without tiles the kernel refuses, and nothing else happens.
        assert_eq!(request_permission(), request_permission());
    }
}
