//! Numbers of a tensor out of the bytes of its storage.

use super::names::Scalar;
use super::value::TensorPlace;

/// Most numbers in one tensor; nnU-Net's largest have some millions.
const MAX_NUMBERS: u64 = 1 << 28;

/// Numbers in the tensor, when its shape and strides stay in its storage.
///
/// # Errors
/// What is wrong, to follow the tensor's name.
pub(super) fn check(place: &TensorPlace, entry_bytes: u64) -> Result<usize, String> {
    let TensorPlace { shape, stride, offset, stored, .. } = place;
    let count = shape.iter().try_fold(1u64, |n, size| n.checked_mul(*size)).filter(|n| *n <= MAX_NUMBERS);
    let count = count.ok_or_else(|| format!("has the shape {shape:?}, more than {MAX_NUMBERS} numbers"))?;
    let bytes = stored.checked_mul(place.scalar.bytes());
    if bytes.is_none_or(|bytes| bytes > entry_bytes) {
        return Err(format!(
            "claims a storage of {stored} numbers, but entry `data/{}` has {entry_bytes} bytes",
            place.key
        ));
    }
    if count == 0 {
        return Ok(0);
    }
    let reach = shape.iter().zip(stride).try_fold(*offset, |sum, (size, stride)| {
        size.saturating_sub(1).checked_mul(*stride).and_then(|step| sum.checked_add(step))
    });
    if reach.is_none_or(|last| last >= *stored) {
        return Err(format!(
            "has shape {shape:?}, strides {stride:?} and offset {offset}, which reach beyond the {stored} numbers stored"
        ));
    }
    usize::try_from(count).map_err(|e| e.to_string())
}

/// The numbers in the order of the shape, last axis fastest, as f32.
/// [`check`] must have accepted `place` for these bytes; a number that is
/// not there reads as NaN.
pub(super) fn gather(place: &TensorPlace, bytes: &[u8], count: usize) -> Vec<f32> {
    let mut index = vec![0u64; place.shape.len()];
    let mut at = place.offset;
    let mut numbers = Vec::with_capacity(count);
    for _ in 0..count {
        numbers.push(number(place.scalar, bytes, at));
        for axis in (0..index.len()).rev() {
            index[axis] += 1;
            at += place.stride[axis];
            if index[axis] < place.shape[axis] {
                break;
            }
            at -= place.stride[axis] * place.shape[axis];
            index[axis] = 0;
        }
    }
    numbers
}

fn number(scalar: Scalar, bytes: &[u8], index: u64) -> f32 {
    let start = usize::try_from(index * scalar.bytes()).unwrap_or(usize::MAX);
    let rest = bytes.get(start..).unwrap_or_default();
    let value = match scalar {
        Scalar::F64 => rest.first_chunk().map(|b| f64::from_le_bytes(*b) as f32),
        Scalar::F32 => rest.first_chunk().map(|b| f32::from_le_bytes(*b)),
        Scalar::F16 => rest.first_chunk().map(|b| half::f16::from_le_bytes(*b).to_f32()),
        Scalar::Bf16 => rest.first_chunk().map(|b| half::bf16::from_le_bytes(*b).to_f32()),
        Scalar::I64 => rest.first_chunk().map(|b| i64::from_le_bytes(*b) as f32),
        Scalar::I32 => rest.first_chunk().map(|b| i32::from_le_bytes(*b) as f32),
        Scalar::I16 => rest.first_chunk().map(|b| f32::from(i16::from_le_bytes(*b))),
        Scalar::I8 => rest.first_chunk().map(|b| f32::from(i8::from_le_bytes(*b))),
        Scalar::U8 | Scalar::Bool => rest.first().map(|b| f32::from(*b)),
    };
    value.unwrap_or(f32::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(scalar: Scalar, stored: u64, offset: u64, shape: &[u64], stride: &[u64]) -> TensorPlace {
        TensorPlace { key: "0".into(), scalar, stored, offset, shape: shape.into(), stride: stride.into() }
    }

    #[test]
    fn strides_and_offsets_are_honoured() {
        let bytes: Vec<u8> = (0..7u8).flat_map(|n| f32::from(n).to_le_bytes()).collect();
        // A transposed 3x2 matrix that starts at number 1.
        let transposed = place(Scalar::F32, 7, 1, &[2, 3], &[1, 2]);
        assert_eq!(check(&transposed, 28), Ok(6));
        assert_eq!(gather(&transposed, &bytes, 6), [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]);
    }

    #[test]
    fn a_tensor_beyond_its_storage_is_refused() {
        assert!(check(&place(Scalar::F32, 6, 1, &[2, 3], &[3, 1]), 24).is_err());
        assert!(check(&place(Scalar::F32, 7, 0, &[1], &[1]), 24).is_err(), "storage beyond the entry");
        assert!(check(&place(Scalar::F32, u64::MAX, 0, &[1], &[1]), 24).is_err());
        assert!(check(&place(Scalar::F32, 6, u64::MAX, &[2], &[u64::MAX]), 24).is_err());
        assert!(check(&place(Scalar::F32, 6, 0, &[1 << 40], &[0]), 24).is_err(), "a bomb by stride 0");
        assert!(check(&place(Scalar::F32, 6, 0, &[1 << 33, 1 << 33], &[0, 0]), 24).is_err());
        assert_eq!(check(&place(Scalar::F32, 6, 99, &[0], &[1]), 24), Ok(0));
    }

    #[test]
    fn every_number_type_becomes_the_same_f32() {
        let one_and_a_half = |scalar, bytes: &[u8]| gather(&place(scalar, 1, 0, &[], &[]), bytes, 1)[0];
        assert_eq!(one_and_a_half(Scalar::F64, &1.5f64.to_le_bytes()), 1.5);
        assert_eq!(one_and_a_half(Scalar::F16, &0x3e00u16.to_le_bytes()), 1.5);
        assert_eq!(one_and_a_half(Scalar::Bf16, &0x3fc0u16.to_le_bytes()), 1.5);
        assert_eq!(one_and_a_half(Scalar::F16, &0x0001u16.to_le_bytes()), 2f32.powi(-24));
        assert_eq!(one_and_a_half(Scalar::F16, &0xc400u16.to_le_bytes()), -4.0);
        assert!(one_and_a_half(Scalar::F16, &0x7e00u16.to_le_bytes()).is_nan());
        assert_eq!(one_and_a_half(Scalar::F16, &0xfc00u16.to_le_bytes()), f32::NEG_INFINITY);
        assert_eq!(one_and_a_half(Scalar::I64, &(-3i64).to_le_bytes()), -3.0);
    }
}
