//! `doctor`: what this machine offers and what follows from it.

use std::path::{Path, PathBuf};

use kernels::{Cpu, Cuda, Device};
use serde::Serialize;
use serde_json::{Map, json};

use crate::cli::DeviceChoice;
use crate::failure::Failure;
use crate::report::Output;
use crate::scene;

#[derive(Debug, Serialize)]
struct Check {
    ok: bool,
    found: String,
    effect: String,
}

/// Runs the command. It always succeeds: what is missing is an answer too.
pub fn run() -> Result<Output, Failure> {
    let checks = [
        ("cpu", cpu()),
        ("cuda", cuda()),
        ("network", network()),
        ("vulkan", vulkan()),
        ("openxr", openxr()),
        ("display", display()),
    ];
    let row = |(name, c): &(&str, Check)| {
        format!("{} {name:8} {}\n             {}", if c.ok { "[ok]" } else { "[--]" }, c.found, c.effect)
    };
    let text = checks.iter().map(row).collect::<Vec<_>>().join("\n");
    let entries: Map<_, _> = checks.iter().map(|(name, check)| ((*name).to_string(), json!(check))).collect();
    Ok(Output { json: entries.into(), text, is_refused: false })
}

/// Instructions that make networks fast, and whether this processor has them.
fn instructions() -> Vec<(&'static str, bool)> {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        vec![
            ("AVX2", has!("avx2")),
            ("FMA", has!("fma")),
            ("F16C", has!("f16c")),
            ("AVX-512", has!("avx512f")),
            ("AVX512-BF16", has!("avx512bf16")),
            ("AMX-BF16", std::fs::read_to_string("/proc/cpuinfo").is_ok_and(|info| info.contains(" amx_bf16"))),
        ]
    }
    #[cfg(target_arch = "aarch64")]
    {
        use std::arch::is_aarch64_feature_detected as has;
        vec![("NEON", has!("neon")), ("FP16", has!("fp16")), ("BF16", has!("bf16"))]
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        Vec::new()
    }
}

fn cpu() -> Check {
    let names = |is_there: bool| {
        let names: Vec<_> =
            instructions().into_iter().filter(|(_, has)| *has == is_there).map(|(name, _)| name).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(" ") }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let found = format!("{cores} cores, {}; has {}; lacks {}", std::env::consts::ARCH, names(true), names(false));
    let has_tiles = instructions().iter().any(|(name, has)| *name == "AMX-BF16" && *has);
    let half = if has_tiles { "16-bit floats save memory and time" } else { "16-bit floats save memory only" };
    Check { ok: true, found, effect: format!("networks on it run as: {}; {half}", Cpu::new().description()) }
}

/// Where the NVIDIA driver puts its library.
const CUDA_FOLDERS: [&str; 6] = [
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/nvidia/lib64",
    "/usr/lib/wsl/lib",
];

fn cuda() -> Check {
    let driver = CUDA_FOLDERS.iter().map(|folder| Path::new(folder).join("libcuda.so.1")).find(|file| file.exists());
    let gpus = std::fs::read_dir("/proc/driver/nvidia/gpus").ok().map_or(0, Iterator::count);
    let driver = driver.map_or("no NVIDIA driver".to_owned(), |file| format!("driver {}", file.display()));
    let built = if cfg!(feature = "cuda-device") { "GPU code built in" } else { "GPU code not built in" };
    let (ok, gpu, effect) = match Cuda::open() {
        Ok(cuda) => (true, cuda.description(), "networks run on the GPU; the processor stands in when it fails".into()),
        Err(error) => (false, format!("{gpus} GPU(s)"), format!("networks run on the processor: {error}")),
    };
    Check { ok, found: format!("{driver}, {gpu}, {built}"), effect }
}

/// What `--device auto` takes.
fn network() -> Check {
    match super::device(DeviceChoice::Auto) {
        Ok(device) => Check { ok: true, found: device.description(), effect: "networks run on it by default".into() },
        Err(error) => Check { ok: false, found: error.to_string(), effect: "no network runs".into() },
    }
}

fn vulkan() -> Check {
    let adapters = scene::adapters();
    match adapters.first() {
        Some(first) => Check {
            ok: true,
            found: adapters.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            effect: format!("the scene is drawn on {first}"),
        },
        None => Check {
            ok: false,
            found: "no Vulkan driver".into(),
            effect: "no pictures and no window; `apt install mesa-vulkan-drivers libvulkan1` adds software rendering"
                .into(),
        },
    }
}

/// Where an OpenXR loader looks for its runtime (OpenXR 1.1, loader document).
fn openxr() -> Check {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let candidates = [
        std::env::var_os("XR_RUNTIME_JSON").map(PathBuf::from),
        home.map(|h| h.join(".config/openxr/1/active_runtime.json")),
        Some(PathBuf::from("/etc/xdg/openxr/1/active_runtime.json")),
        Some(PathBuf::from("/usr/share/openxr/1/active_runtime.json")),
    ];
    match candidates.into_iter().flatten().find(|file| file.exists()) {
        Some(file) => Check {
            ok: true,
            found: format!("runtime {}", file.display()),
            effect: "not used: this version draws to the desktop and to an eye pair of pictures".into(),
        },
        None => Check {
            ok: false,
            found: "no OpenXR runtime".into(),
            effect: "no headset; the desktop scene is used".into(),
        },
    }
}

fn display() -> Check {
    match scene::display_name() {
        Some(name) => Check { ok: true, found: format!("display {name}"), effect: "the scene opens a window".into() },
        None => Check { ok: false, found: "no display".into(), effect: "the scene is rendered to PNG files".into() },
    }
}
