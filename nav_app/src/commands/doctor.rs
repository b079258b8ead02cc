//! `doctor`: what this machine offers and what follows from it.

use std::path::{Path, PathBuf};

use kernels::{Cpu, Device};
use serde::Serialize;
use serde_json::{Map, json};

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
    let checks = [("cpu", cpu()), ("cuda", cuda()), ("vulkan", vulkan()), ("openxr", openxr()), ("display", display())];
    let row = |(name, c): &(&str, Check)| {
        format!("{} {name:8} {}\n             {}", if c.ok { "[ok]" } else { "[--]" }, c.found, c.effect)
    };
    let text = checks.iter().map(row).collect::<Vec<_>>().join("\n");
    let entries: Map<_, _> = checks.iter().map(|(name, check)| ((*name).to_string(), json!(check))).collect();
    Ok(Output { json: entries.into(), text, is_refused: false })
}

fn cpu() -> Check {
    let description = Cpu::new().description();
    let is_fast = description.contains("AVX2") || cfg!(target_arch = "aarch64");
    let effect = if is_fast { "networks run on it" } else { "networks run on it without vector instructions, slowly" };
    Check { ok: true, found: description, effect: effect.into() }
}

fn cuda() -> Check {
    let libraries = [
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/usr/lib64",
        "/usr/lib",
        "/usr/local/nvidia/lib64",
        "/usr/lib/wsl/lib",
    ];
    let driver = libraries.iter().map(|folder| Path::new(folder).join("libcuda.so.1")).find(|file| file.exists());
    let gpu = std::fs::read_dir("/proc/driver/nvidia/gpus").ok().map_or(0, Iterator::count);
    match driver {
        Some(file) => Check {
            ok: gpu > 0,
            found: format!("driver {}, {gpu} GPU(s)", file.display()),
            effect: "not used: this version has no CUDA kernels yet; networks run on the CPU".into(),
        },
        None => Check { ok: false, found: "no NVIDIA driver".into(), effect: "networks run on the CPU".into() },
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
