//! The runtime of this machine and its headset.

use crate::HeadsetError;

/// A runtime with a headset.
pub(crate) struct Found {
    pub instance: openxr::Instance,
    pub system: openxr::SystemId,
    pub runtime: String,
    pub headset: String,
    /// True when bare hands come as a controller that pinches.
    pub has_hand_interaction: bool,
    /// True when bare hands come as joints.
    pub has_hand_tracking: bool,
}

/// Looks for a headset without opening anything on it; returns its name and
/// its runtime's.
///
/// # Errors
/// No loader, no runtime, or no headset; the message says what to do.
pub fn probe() -> Result<String, HeadsetError> {
    find().map(|found| format!("{} ({})", found.headset, found.runtime))
}

pub(crate) fn find() -> Result<Found, HeadsetError> {
    // SAFETY: loads the system's OpenXR loader, whose initialisation has no preconditions; the Monado run in
    // .ci/xr_monado.sh goes through here.
    let entry = unsafe { openxr::Entry::load() }.map_err(|e| HeadsetError::NoLoader(e.to_string()))?;
    let offered = entry.enumerate_extensions().map_err(HeadsetError::NoRuntime)?;
    let mut wanted = openxr::ExtensionSet::default();
    wanted.khr_vulkan_enable2 = offered.khr_vulkan_enable2;
    wanted.ext_hand_interaction = offered.ext_hand_interaction;
    wanted.ext_hand_tracking = offered.ext_hand_tracking;
    let about = openxr::ApplicationInfo {
        application_name: "SpineNav",
        application_version: 1,
        engine_name: "SpineNav",
        engine_version: 1,
        api_version: openxr::Version::new(1, 0, 0),
    };
    let instance = entry.create_instance(&about, &wanted, &[]).map_err(HeadsetError::NoRuntime)?;
    let runtime = instance.properties().map_or_else(|_| "(unnamed)".to_owned(), |p| p.runtime_name);
    if !offered.khr_vulkan_enable2 {
        return Err(HeadsetError::Lacking { runtime, what: "Vulkan (XR_KHR_vulkan_enable2)" });
    }
    let system = instance
        .system(openxr::FormFactor::HEAD_MOUNTED_DISPLAY)
        .map_err(|source| HeadsetError::NoHeadset { runtime: runtime.clone(), source })?;
    let headset = instance.system_properties(system).map(|p| p.system_name).unwrap_or_default();
    let (has_hand_interaction, has_hand_tracking) = (offered.ext_hand_interaction, offered.ext_hand_tracking);
    Ok(Found { instance, system, runtime, headset, has_hand_interaction, has_hand_tracking })
}
