//! What a user reads when there is no usable GPU.

use kernels::{Cuda, Device};

use crate::emulator::Emulator;

#[test]
fn opens_and_describes_itself() {
    let _emulator = Emulator::take();
    let text = Cuda::open().unwrap().description();
    assert!(text.contains("CUDA emulator") && text.contains("8.0") && text.contains("2 GiB"), "{text}");
}

#[test]
fn every_reason_is_named() {
    let emulator = Emulator::take();
    for (setting, value, words) in [
        ("DEVICES", 0, ["GPU 0", "knows 0"]),
        ("DRIVER", 12_020, ["12.2", "13.0"]),
        ("CAPABILITY", 75, ["7.5", "8.0"]),
        ("FAIL_AFTER", 0, ["", ""]),
    ] {
        emulator.set(setting, value);
        match Cuda::open() {
            Ok(_) => assert_eq!(setting, "FAIL_AFTER", "opening starts no kernel"),
            Err(error) => {
                let text = error.to_string();
                assert!(text.starts_with("CUDA: ") && words.iter().all(|word| text.contains(word)), "{text}");
            }
        }
        let usual = [("DEVICES", 1), ("DRIVER", 13_000), ("CAPABILITY", 80), ("FAIL_AFTER", -1)];
        usual.iter().for_each(|&(name, value)| emulator.set(name, value));
    }
    let text = Cuda::open_ordinal(3).unwrap_err().to_string();
    assert!(text.contains("GPU 3") && text.contains("knows 1"), "{text}");
}
