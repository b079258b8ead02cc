//! The runtime of this machine, its headset and its controllers' buttons.

use crate::HeadsetError;

/// A runtime with a headset.
pub(crate) struct Found {
    pub instance: openxr::Instance,
    pub system: openxr::SystemId,
    pub runtime: String,
    pub headset: String,
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
    Ok(Found { instance, system, runtime, headset })
}

/// The button that brings the scene before the wearer: select of whatever
/// controller there is.
pub(crate) fn centre_action(
    instance: &openxr::Instance,
    session: &openxr::Session<openxr::Vulkan>,
) -> openxr::Result<(openxr::ActionSet, openxr::Action<bool>)> {
    let set = instance.create_action_set("scene", "Scene", 0)?;
    let action = set.create_action::<bool>("centre", "Bring the spine before me", &[])?;
    for (profile, button) in [
        ("/interaction_profiles/khr/simple_controller", "select/click"),
        ("/interaction_profiles/valve/index_controller", "a/click"),
        ("/interaction_profiles/oculus/touch_controller", "thumbstick/click"),
    ] {
        let path = |hand: &str| instance.string_to_path(&format!("/user/hand/{hand}/input/{button}"));
        let bindings = [openxr::Binding::new(&action, path("left")?), openxr::Binding::new(&action, path("right")?)];
        // A runtime that does not know a profile may refuse it.
        let _ = instance.suggest_interaction_profile_bindings(instance.string_to_path(profile)?, &bindings);
    }
    session.attach_action_sets(&[&set])?;
    Ok((set, action))
}
