//! Whether there is a GPU to test on, said aloud.

use std::io::Write;

/// What `opened` holds, or `None` and a line that says why not. Where
/// `SPINENAV_REQUIRE_GPU` is 1, and on the emulator, a device is a must.
pub fn required<D>(opened: Result<D, kernels::OpError>) -> Option<D> {
    let is_asked = std::env::var_os("SPINENAV_REQUIRE_GPU").is_some_and(|value| value == "1");
    match opened {
        Ok(device) => Some(device),
        Err(error) if is_asked || cfg!(feature = "cuda-emulator") => panic!("no GPU to test on: {error}"),
        Err(error) => {
            let test = std::thread::current().name().unwrap_or("test").to_owned();
            let line = format!("SKIPPED {test}: {error} (SPINENAV_REQUIRE_GPU=1 makes this a failure)");
            // Past the harness, which hides what passing tests print.
            let _ = writeln!(std::io::stderr(), "{line}");
            None
        }
    }
}
