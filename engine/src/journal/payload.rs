//! The content of a record: little-endian numbers one after the other.

use std::fmt;

use geom::nalgebra::{Quaternion, UnitQuaternion, Vector3};
use geom::{Frame, Transform};

/// Largest content of one record, bytes. Fixed, so that the navigation loop
/// hands a record over without allocating.
pub const PAYLOAD_BYTES: usize = 2048;

/// Content being written: plain data of fixed size.
#[derive(Debug, Clone, Copy)]
pub struct Payload {
    length: usize,
    bytes: [u8; PAYLOAD_BYTES],
}

impl Default for Payload {
    fn default() -> Self {
        Self { length: 0, bytes: [0; PAYLOAD_BYTES] }
    }
}

impl Payload {
    /// What was put in so far.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Appends bytes; those beyond [`PAYLOAD_BYTES`] are left out, which a
    /// reader finds as a layout that ends early.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        let room = PAYLOAD_BYTES - self.length;
        let fitting = bytes.len().min(room);
        if let (Some(to), Some(from)) = (self.bytes.get_mut(self.length..self.length + fitting), bytes.get(..fitting)) {
            to.copy_from_slice(from);
            self.length += fitting;
        }
        self
    }

    /// Appends one byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes(&[value])
    }

    /// Appends two bytes.
    pub fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Appends four bytes.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Appends eight bytes.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Appends the bits of a number, NaN included.
    pub fn f32(&mut self, value: f32) -> &mut Self {
        self.u32(value.to_bits())
    }

    /// Appends the bits of a number, NaN included.
    pub fn f64(&mut self, value: f64) -> &mut Self {
        self.u64(value.to_bits())
    }

    /// Appends text as its length (two bytes) and UTF-8, shortened to `most`
    /// bytes at a character's border.
    pub fn text(&mut self, text: &str, most: u16) -> &mut Self {
        let mut end = text.len().min(usize::from(most));
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let shortened = text.get(..end).unwrap_or_default();
        self.u16(u16::try_from(shortened.len()).unwrap_or(0)).bytes(shortened.as_bytes())
    }

    /// Appends what a value prints, as [`Self::text`] does, without allocating.
    pub fn display(&mut self, value: &dyn fmt::Display) -> &mut Self {
        let start = self.length;
        self.u16(0);
        // What does not fit is cut off, as everywhere here.
        fmt::Write::write_fmt(self, format_args!("{value}")).ok();
        let printed = u16::try_from(self.length.saturating_sub(start + 2)).unwrap_or(0);
        if let Some(length) = self.bytes.get_mut(start..start + 2) {
            length.copy_from_slice(&printed.to_le_bytes());
        }
        self
    }

    /// Appends a pose bit for bit: quaternion i, j, k, w, then translation in
    /// mm, as seven `f64`.
    pub fn pose<A: Frame, B: Frame>(&mut self, pose: &Transform<A, B>) -> &mut Self {
        for number in pose.rotation().coords.iter().chain(pose.translation().iter()) {
            self.f64(*number);
        }
        self
    }
}

impl fmt::Write for Payload {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes(text.as_bytes());
        Ok(())
    }
}

/// Content being read. Every method says what is wrong instead of panicking.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a>(&'a [u8]);

/// Why content cannot be read, in words.
pub(super) type Layout<T> = Result<T, &'static str>;

impl<'a> Fields<'a> {
    /// The content of a record.
    #[must_use]
    pub const fn new(content: &'a [u8]) -> Self {
        Self(content)
    }

    /// Takes `count` bytes.
    pub fn bytes(&mut self, count: usize) -> Layout<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or("it ends early")?;
        self.0 = rest;
        Ok(taken)
    }

    /// Takes an array of bytes.
    pub fn array<const N: usize>(&mut self) -> Layout<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk().ok_or("it ends early")?;
        self.0 = rest;
        Ok(*taken)
    }

    /// Takes one byte.
    pub fn u8(&mut self) -> Layout<u8> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    /// Takes a byte that is 0 or 1.
    pub fn bool(&mut self) -> Layout<bool> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err("a yes or no is neither 0 nor 1"),
        }
    }

    /// Takes two bytes.
    pub fn u16(&mut self) -> Layout<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// Takes four bytes.
    pub fn u32(&mut self) -> Layout<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// Takes eight bytes.
    pub fn u64(&mut self) -> Layout<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// Takes the bits of a number.
    pub fn f32(&mut self) -> Layout<f32> {
        Ok(f32::from_bits(self.u32()?))
    }

    /// Takes the bits of a number.
    pub fn f64(&mut self) -> Layout<f64> {
        Ok(f64::from_bits(self.u64()?))
    }

    /// Takes a pose, which must be finite; its bits are not changed.
    pub fn pose<A: Frame, B: Frame>(&mut self) -> Layout<Transform<A, B>> {
        let [i, j, k, w] = [self.f64()?, self.f64()?, self.f64()?, self.f64()?];
        let translation = Vector3::new(self.f64()?, self.f64()?, self.f64()?);
        let rotation = UnitQuaternion::new_unchecked(Quaternion::new(w, i, j, k));
        let is_unit = (rotation.coords.norm_squared() - 1.0).abs() < 1e-6;
        let pose = Transform::new(rotation, translation);
        if is_unit && pose.is_finite() { Ok(pose) } else { Err("a pose is no rigid motion") }
    }

    /// Takes text.
    pub fn text(&mut self) -> Layout<&'a str> {
        let length = usize::from(self.u16()?);
        std::str::from_utf8(self.bytes(length)?).map_err(|_| "a text is not UTF-8")
    }

    /// Checks that nothing is left over.
    pub fn end(&self) -> Layout<()> {
        if self.0.is_empty() { Ok(()) } else { Err("bytes are left over") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_comes_out_bit_for_bit() {
        let mut payload = Payload::default();
        payload.u8(1).u16(2).u32(3).u64(4).f32(-0.0).f64(f64::NAN).text("C7 ä", 4);
        let mut fields = Fields::new(payload.as_slice());
        assert_eq!((fields.bool(), fields.u16(), fields.u32(), fields.u64()), (Ok(true), Ok(2), Ok(3), Ok(4)));
        assert_eq!(fields.f32().unwrap().to_bits(), (-0.0f32).to_bits());
        assert_eq!(fields.f64().unwrap().to_bits(), f64::NAN.to_bits());
        // The two bytes of the last letter do not fit into four.
        assert_eq!(fields.text(), Ok("C7 "));
        assert_eq!((fields.end(), fields.u8()), (Ok(()), Err("it ends early")));
    }

    #[test]
    fn too_much_is_left_out() {
        let mut payload = Payload::default();
        payload.bytes(&[7; PAYLOAD_BYTES + 5]).u64(1);
        assert_eq!(payload.as_slice().len(), PAYLOAD_BYTES);
    }
}
