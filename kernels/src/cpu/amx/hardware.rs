//! The tile instructions of the processor.
//!
//! Written as inline assembly because the intrinsics are not stable. The
//! compiler knows nothing of the tiles and never uses them by itself, so they
//! keep their values from one block of assembly to the next; the operating
//! system saves them like any other register.
//! Reference: Intel 64 and IA-32 Architectures Software Developer's Manual,
//! volume 2, "LDTILECFG", "TILELOADD", "TDPBF16PS", "TILESTORED".

use std::arch::asm;

use super::tiles::{ROW_VALUES, ROWS, Tiles};

/// The operand of `ldtilecfg`.
#[repr(C, align(64))]
struct Config {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// Eight full tiles; palette 1 has no more, the other entries must be zero.
static FULL_TILES: Config = Config {
    palette: 1,
    start_row: 0,
    reserved: [0; 14],
    row_bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

const _: () = assert!(size_of::<Config>() == 64 && ROWS == 16 && ROW_VALUES == 32);

/// The tiles of this processor core.
#[derive(Debug)]
pub(super) struct Hardware {
    /// Tiles belong to a thread.
    not_send: std::marker::PhantomData<*const ()>,
}

impl Hardware {
    /// Configures the tiles of this thread.
    ///
    /// # Safety
    /// [`super::detect::detect`] has said yes; no other `Hardware` lives on
    /// this thread.
    pub(super) unsafe fn configure() -> Self {
        // SAFETY: the instruction exists and the process may use it (caller);
        // the operand is a valid configuration (test `hardware_is_the_model`).
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const FULL_TILES, options(nostack, readonly, preserves_flags)) };
        Self { not_send: std::marker::PhantomData }
    }
}

impl Drop for Hardware {
    fn drop(&mut self) {
        // SAFETY: `configure` has run on this thread. Released tiles need not
        // be saved when the thread is interrupted.
        unsafe { asm!("tilerelease", options(nostack, nomem, preserves_flags)) };
    }
}

impl Tiles for Hardware {
    #[inline(always)]
    fn zero<const T: usize>(&mut self) {
        const { assert!(T < 8) };
        // SAFETY: `self` proves that tiles are configured; only tile `T`
        // changes (test `hardware_is_the_model`).
        unsafe { asm!("tilezero tmm{t}", t = const T, options(nostack, nomem, preserves_flags)) };
    }

    #[inline(always)]
    unsafe fn load<const T: usize>(&mut self, from: *const u16, row_bytes: usize) {
        const { assert!(T < 8) };
        // SAFETY: tiles are configured; the rows are readable (caller; test
        // `hardware_is_the_model`).
        unsafe {
            asm!("tileloadd tmm{t}, [{from} + {step}*1]", t = const T, from = in(reg) from, step = in(reg) row_bytes,
                options(nostack, readonly, preserves_flags));
        }
    }

    #[inline(always)]
    fn multiply<const C: usize, const A: usize, const B: usize>(&mut self) {
        const { assert!(C < 8 && A < 8 && B < 8 && C != A && C != B && A != B) };
        // SAFETY: tiles are configured and different, their shapes fit; only
        // tile `C` changes (test `hardware_is_the_model`).
        unsafe {
            asm!("tdpbf16ps tmm{c}, tmm{a}, tmm{b}", c = const C, a = const A, b = const B,
                options(nostack, nomem, preserves_flags));
        }
    }

    #[inline(always)]
    unsafe fn store<const T: usize>(&mut self, to: *mut f32) {
        const { assert!(T < 8) };
        // SAFETY: tiles are configured; 16 rows of 64 bytes are writable
        // (caller; test `hardware_is_the_model`).
        unsafe {
            asm!("tilestored [{to} + {step}*1], tmm{t}", t = const T, to = in(reg) to, step = in(reg) 64_usize,
                options(nostack, preserves_flags));
        }
    }
}
