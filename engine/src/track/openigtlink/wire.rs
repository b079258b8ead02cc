//! Big-endian numbers off and onto the wire, without a panic or an allocation.

use super::name::Name;

/// Reads forward through borrowed bytes; `None` once they are used up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    pub(super) fn name<const N: usize>(&mut self) -> Option<Name<N>> {
        self.array().map(|field| Name::from_wire(&field))
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn f32(&mut self) -> Option<f32> {
        self.u32().map(f32::from_bits)
    }

    pub(super) fn f32s<const N: usize>(&mut self) -> Option<[f32; N]> {
        let mut values = [0.0; N];
        for value in &mut values {
            *value = self.f32()?;
        }
        Some(values)
    }

    pub(super) fn u16s<const N: usize>(&mut self) -> Option<[u16; N]> {
        let mut values = [0; N];
        for value in &mut values {
            *value = self.u16()?;
        }
        Some(values)
    }
}

/// Appends to a byte buffer that keeps its capacity.
pub(super) trait Put {
    fn put(&mut self, bytes: &[u8]);

    fn put_f32s(&mut self, values: &[f32]) {
        for value in values {
            self.put(&value.to_bits().to_be_bytes());
        }
    }

    fn put_u16s(&mut self, values: &[u16]) {
        for value in values {
            self.put(&value.to_be_bytes());
        }
    }

    fn put_u32s(&mut self, values: &[u32]) {
        for value in values {
            self.put(&value.to_be_bytes());
        }
    }
}

impl Put for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}
