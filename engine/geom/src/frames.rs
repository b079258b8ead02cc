//! Marker types for the coordinate frames; `docs/coordinate-systems.md` draws them.

/// A coordinate frame that points and transforms can be tagged with.
///
/// The name is what error messages and recordings print.
pub trait Frame: Copy + std::fmt::Debug + Send + Sync + 'static {
    /// Name of the frame as printed in messages and files.
    const NAME: &'static str;
}

macro_rules! frames {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {}
        impl Frame for $name {
            const NAME: &'static str = stringify!($name);
        }
    )+};
}

frames! {
    /// The CT image in world millimetres, LPS: x to the patient's left, y to
    /// posterior, z to superior, origin as the scanner wrote it.
    Ct,
    /// The dynamic reference fixed to the patient, in millimetres.
    Patient,
    /// The tracker (camera), in millimetres.
    Tracker,
    /// The marker array of a tracked instrument, in millimetres.
    Tool,
    /// The working tip of an instrument: origin at the tip, -z along the shaft
    /// into the bone, in millimetres.
    Tip,
    /// The surgeon's headset, in millimetres.
    Headset,
    /// The room as the display runtime defines it, in millimetres.
    World,
    /// Continuous voxel indices `(x, y, z)` of a volume; not a metric frame.
    Voxel,
}
