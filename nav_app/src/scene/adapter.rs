//! Which graphics devices there are, asked before Bevy starts.
//!
//! Bevy panics without one; we want a sentence instead.

use std::fmt;

use bevy::tasks::block_on;

/// What to say when [`adapters`] is empty.
pub const NO_DEVICE: &str =
    "there is no Vulkan device to draw with; `apt install mesa-vulkan-drivers libvulkan1` adds software rendering";

/// A Vulkan device the scene could be drawn on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdapterDescription {
    /// Name of the device.
    pub name: String,
    /// Driver and its version.
    pub driver: String,
    /// True when the processor draws (lavapipe).
    pub is_software: bool,
}

impl fmt::Display for AdapterDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}{})", self.name, self.driver, if self.is_software { ", software" } else { "" })
    }
}

/// The Vulkan devices, hardware first; empty without a driver.
#[must_use]
pub fn adapters() -> Vec<AdapterDescription> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgpu::Backends::VULKAN;
    let instance = wgpu::Instance::new(descriptor);
    let describe = |adapter: &wgpu::Adapter| {
        let info = adapter.get_info();
        AdapterDescription {
            name: info.name,
            driver: info.driver_info,
            is_software: info.device_type == wgpu::DeviceType::Cpu,
        }
    };
    let mut found: Vec<_> =
        block_on(instance.enumerate_adapters(wgpu::Backends::VULKAN)).iter().map(describe).collect();
    found.sort_by_key(|adapter| adapter.is_software);
    found
}

/// The X display a window can open on, or `None`. (Built for X11; Wayland
/// desktops offer one too.)
#[must_use]
pub fn display_name() -> Option<String> {
    std::env::var("DISPLAY").ok().filter(|name| !name.is_empty())
}

/// The device that a window on this machine is drawn by.
///
/// # Errors
/// There is no display or no Vulkan device; the message says what helps.
pub fn for_window() -> anyhow::Result<AdapterDescription> {
    let Some(x_display) = display_name() else {
        anyhow::bail!("there is no display to open a window on; pictures can be drawn without one");
    };
    let Some(device) = adapters().into_iter().next() else {
        anyhow::bail!(NO_DEVICE);
    };
    tracing::info!("opening a window on display {x_display}, drawn by {device}");
    Ok(device)
}
