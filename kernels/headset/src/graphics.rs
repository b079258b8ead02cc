//! A Vulkan device made together by the OpenXR runtime, which knows what the
//! headset needs, and wgpu, which knows what it draws with.

use std::ffi::{CStr, c_void};

use ash::vk::{self, Handle};
use wgpu::hal::vulkan as hal;

use crate::{Doing, HeadsetError};

/// Vulkan 1.2: what wgpu makes most of and every runtime of the day has.
const VULKAN: u32 = vk::API_VERSION_1_2;

/// A wgpu device the runtime agrees with.
#[derive(Debug, Clone)]
pub struct Graphics {
    /// The instance.
    pub instance: wgpu::Instance,
    /// The graphics card the headset is connected to.
    pub adapter: wgpu::Adapter,
    /// The device.
    pub device: wgpu::Device,
    /// Its queue.
    pub queue: wgpu::Queue,
    /// The same as the runtime wants it told.
    pub(crate) handles: Handles,
}

/// Vulkan handles behind a [`Graphics`]; valid as long as it lives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Handles {
    pub instance: vk::Instance,
    pub physical_device: vk::PhysicalDevice,
    pub device: vk::Device,
    pub queue_family: u32,
}

fn graphics(error: impl std::fmt::Display) -> HeadsetError {
    HeadsetError::Graphics(error.to_string())
}

impl Graphics {
    /// Opens the device that `system` of `xr` is connected to.
    ///
    /// # Errors
    /// No Vulkan, a runtime that wants another version, or a refusal of either.
    pub fn open(xr: &openxr::Instance, system: openxr::SystemId) -> Result<Self, HeadsetError> {
        let needs = xr.graphics_requirements::<openxr::Vulkan>(system).doing("tell what graphics it needs")?;
        let ours = openxr::Version::new(1, 2, 0);
        if ours < needs.min_api_version_supported {
            return Err(graphics(format!("the runtime wants Vulkan {}", needs.min_api_version_supported)));
        }
        // SAFETY: loads the system's Vulkan loader, whose initialisation has no preconditions; the Monado run
        // in .ci/xr_monado.sh goes through here.
        let entry = unsafe { ash::Entry::load() }.map_err(graphics)?;
        let flags = wgpu::InstanceFlags::empty();
        let extensions = hal::Instance::desired_extensions(&entry, VULKAN, flags).map_err(graphics)?;
        let instance = vulkan_instance(xr, system, &entry, &extensions)?;
        let raw_instance = instance.handle();
        // SAFETY: the instance was made by the same runtime a moment ago and is alive.
        let physical_device = unsafe { xr.vulkan_graphics_device(system, as_pointer(raw_instance)) }
            .doing("name the graphics card of the headset")?;
        let physical_device = vk::PhysicalDevice::from_raw(physical_device as u64);
        // SAFETY: `instance` was made from `entry` with exactly these extensions and this version; wgpu takes it over.
        let hal_instance = unsafe {
            let budget = wgpu::MemoryBudgetThresholds::default();
            hal::Instance::from_raw(
                entry.clone(),
                instance.clone(),
                VULKAN,
                0,
                None,
                extensions,
                flags,
                budget,
                false,
                None,
            )
        };
        let hal_instance = hal_instance.map_err(graphics)?;
        let exposed = hal_instance.expose_adapter(physical_device);
        let exposed = exposed.ok_or_else(|| graphics("the headset's graphics card cannot draw what wgpu needs"))?;
        // SAFETY: both come from the same instance; wgpu takes it over.
        let wgpu_instance = unsafe { wgpu::Instance::from_hal::<wgpu::hal::api::Vulkan>(hal_instance) };
        open_device(xr, system, &entry, &instance, wgpu_instance, exposed, physical_device)
    }
}

/// Handles of OpenXR's C interface are pointers that point at nothing we read.
fn as_pointer<T: Handle>(handle: T) -> *const c_void {
    handle.as_raw() as *const c_void
}

/// Vulkan's lookup of functions, as OpenXR declares it.
fn lookup(entry: &ash::Entry) -> openxr::sys::platform::VkGetInstanceProcAddr {
    // SAFETY: the same C function; ash and openxr merely declare handle and result types of their own, which
    // have the same size and meaning (Vulkan specification, vkGetInstanceProcAddr).
    unsafe {
        std::mem::transmute::<vk::PFN_vkGetInstanceProcAddr, openxr::sys::platform::VkGetInstanceProcAddr>(
            entry.static_fn().get_instance_proc_addr,
        )
    }
}

fn vulkan_instance(
    xr: &openxr::Instance,
    system: openxr::SystemId,
    entry: &ash::Entry,
    extensions: &[&'static CStr],
) -> Result<ash::Instance, HeadsetError> {
    let names: Vec<_> = extensions.iter().map(|name| name.as_ptr()).collect();
    let application = vk::ApplicationInfo::default().application_name(c"SpineNav").api_version(VULKAN);
    let info = vk::InstanceCreateInfo::default().application_info(&application).enabled_extension_names(&names);
    // SAFETY: `info` and what it points at live until the call returns; requirements were asked for before, as
    // XR_KHR_vulkan_enable2 demands.
    let made = unsafe { xr.create_vulkan_instance(system, lookup(entry), (&raw const info).cast()) };
    let made = made.doing("make a Vulkan instance")?.map_err(|code| graphics(vk::Result::from_raw(code)))?;
    // SAFETY: the handle was just made through `entry`'s loader.
    Ok(unsafe { ash::Instance::load(entry.static_fn(), vk::Instance::from_raw(made as u64)) })
}

fn open_device(
    xr: &openxr::Instance,
    system: openxr::SystemId,
    entry: &ash::Entry,
    instance: &ash::Instance,
    wgpu_instance: wgpu::Instance,
    exposed: wgpu::hal::ExposedAdapter<wgpu::hal::api::Vulkan>,
    physical_device: vk::PhysicalDevice,
) -> Result<Graphics, HeadsetError> {
    // Bevy leaves the second out as well: it makes discrete cards slow.
    let unwanted = wgpu::Features::all_experimental_mask() | wgpu::Features::MAPPABLE_PRIMARY_BUFFERS;
    let features = exposed.features - unwanted;
    let limits = exposed.capabilities.limits.clone();
    let memory_hints = wgpu::MemoryHints::Performance;
    let extensions = exposed.adapter.required_device_extensions(features);
    // SAFETY: both handles are alive.
    let families = unsafe { instance.get_physical_device_queue_family_properties(physical_device) };
    let draws = |family: &vk::QueueFamilyProperties| family.queue_flags.contains(vk::QueueFlags::GRAPHICS);
    let queue_family = families.iter().position(draws).ok_or_else(|| graphics("it has no queue that draws"))? as u32;
    let device = {
        let mut enabled = exposed.adapter.physical_device_features(&extensions, features);
        let queues = [vk::DeviceQueueCreateInfo::default().queue_family_index(queue_family).queue_priorities(&[1.0])];
        let names: Vec<_> = extensions.iter().map(|name| name.as_ptr()).collect();
        let info = vk::DeviceCreateInfo::default().queue_create_infos(&queues);
        let info = enabled.add_to_device_create(info).enabled_extension_names(&names);
        // SAFETY: `info` and what it points at live until the call returns; the card is the one the runtime named.
        let made = unsafe {
            xr.create_vulkan_device(system, lookup(entry), as_pointer(physical_device), (&raw const info).cast())
        };
        let made = made.doing("open the graphics device")?.map_err(|code| graphics(vk::Result::from_raw(code)))?;
        // SAFETY: the handle was just made from `instance`.
        unsafe { ash::Device::load(instance.fp_v1_0(), vk::Device::from_raw(made as u64)) }
    };
    let handles = Handles { instance: instance.handle(), physical_device, device: device.handle(), queue_family };
    // SAFETY: the device has these extensions, features and this queue; wgpu takes it over.
    let open = unsafe {
        exposed.adapter.device_from_raw(device, None, &extensions, features, &limits, &memory_hints, queue_family, 0)
    };
    let open = open.map_err(graphics)?;
    // SAFETY: the adapter belongs to this very instance.
    let adapter = unsafe { wgpu_instance.create_adapter_from_hal(exposed) };
    let description = wgpu::DeviceDescriptor {
        label: Some("headset"),
        required_features: features,
        required_limits: limits,
        memory_hints,
        ..wgpu::DeviceDescriptor::default()
    };
    // SAFETY: `open` belongs to this very adapter and has these features and limits.
    let (device, queue) = unsafe { adapter.create_device_from_hal(open, &description) }.map_err(graphics)?;
    Ok(Graphics { instance: wgpu_instance, adapter, device, queue, handles })
}
