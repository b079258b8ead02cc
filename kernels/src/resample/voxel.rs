//! What a voxel can be: an intensity that blends, or a label that does not.

/// Blends eight corner values (x fastest, then y, then z) at fractions
/// `[x, y, z]` from 0 to 1 between them.
pub type Blend<T> = fn(corners: [T; 8], fractions: [f32; 3]) -> T;

/// Values a grid can hold.
pub trait Voxel: Copy + Send + Sync {
    /// Name for error messages.
    const NAME: &'static str;

    /// How values are blended, or `None` when the type holds labels.
    const BLEND: Option<Blend<Self>>;
}

impl Voxel for f32 {
    const NAME: &'static str = "f32";
    const BLEND: Option<Blend<f32>> = Some(trilinear);
}

/// Stored Hounsfield units; blends round to the nearest integer.
impl Voxel for i16 {
    const NAME: &'static str = "i16";
    const BLEND: Option<Blend<i16>> =
        // A blend lies between its corners, so the cast does not saturate.
        Some(|corners, fractions| trilinear(corners.map(f32::from), fractions).round() as i16);
}

macro_rules! label_voxel {
    ($($label:ty),*) => {$(
        impl Voxel for $label {
            const NAME: &'static str = stringify!($label);
            const BLEND: Option<Blend<$label>> = None;
        }
    )*};
}
label_voxel!(bool, u8, u16, u32, i32);

fn trilinear(corners: [f32; 8], [x, y, z]: [f32; 3]) -> f32 {
    let between = |a: f32, b: f32, t: f32| a + (b - a) * t;
    let [a, b, c, d, e, f, g, h] = corners;
    let lower = between(between(a, b, x), between(c, d, x), y);
    let upper = between(between(e, f, x), between(g, h, x), y);
    between(lower, upper, z)
}
