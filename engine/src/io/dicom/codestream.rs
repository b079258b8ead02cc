//! What a compressed picture says about its own size, before it is decoded.
//!
//! The codecs allocate what the codestream declares, not what the DICOM header
//! does: a kilobyte may claim 65535x65535 pixels.

use dicom_core::DicomValue;
use dicom_dictionary_std::tags;
use dicom_object::DefaultDicomObject;

use crate::io::error::Problem;

/// Refuses a JPEG or JPEG 2000 codestream whose size or number of components
/// differs from one `rows` x `columns` grey picture.
pub(super) fn check(object: &DefaultDicomObject, rows: usize, columns: usize) -> Result<(), Problem> {
    let Some(DicomValue::PixelSequence(sequence)) = object.get(tags::PIXEL_DATA).map(|e| e.value()) else {
        return Ok(());
    };
    let Some(declared) = sequence.fragments().first().and_then(|f| jpeg(f).or_else(|| jpeg_2000(f))) else {
        return Ok(());
    };
    if declared == [columns, rows, 1] {
        return Ok(());
    }
    let [w, h, n] = declared;
    let reason =
        format!("its compressed picture is {w}x{h} with {n} component(s), its header says {columns}x{rows} with 1");
    Err(Problem::Dicom { doing: "decoded", reason })
}

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    bytes.get(at..)?.first_chunk().map(|b| usize::from(u16::from_be_bytes(*b)))
}

fn long(bytes: &[u8], at: usize) -> Option<usize> {
    bytes.get(at..)?.first_chunk().and_then(|b| usize::try_from(u32::from_be_bytes(*b)).ok())
}

/// Width, height, components from the frame header (ITU T.81, B.2.2).
fn jpeg(bytes: &[u8]) -> Option<[usize; 3]> {
    if word(bytes, 0)? != 0xffd8 {
        return None;
    }
    let mut at = 2;
    loop {
        let marker = word(bytes, at)?;
        // SOF0-15 except DHT (C4), JPG (C8), DAC (CC).
        if (0xffc0..=0xffcf).contains(&marker) && !matches!(marker, 0xffc4 | 0xffc8 | 0xffcc) {
            let components = usize::from(*bytes.get(at + 9)?);
            return Some([word(bytes, at + 7)?, word(bytes, at + 5)?, components]);
        }
        at += 2 + word(bytes, at + 2)?.max(2);
    }
}

/// Width, height, components from the SIZ segment (ITU T.800, A.5.1).
fn jpeg_2000(bytes: &[u8]) -> Option<[usize; 3]> {
    if long(bytes, 0)? != 0xff4f_ff51 {
        return None;
    }
    let width = long(bytes, 8)?.checked_sub(long(bytes, 16)?)?;
    let height = long(bytes, 12)?.checked_sub(long(bytes, 20)?)?;
    Some([width, height, word(bytes, 40)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_that_claims_more_than_its_header_is_seen() {
        let mut picture = vec![0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2];
        picture.extend([0xff, 0xc3, 0, 11, 16, 0xff, 0xff, 0xff, 0xfe, 1, 0, 0, 0]);
        assert_eq!(jpeg(&picture), Some([0xfffe, 0xffff, 1]));
        assert_eq!(jpeg(&picture[..14]), None);
        let mut stream = vec![0xff, 0x4f, 0xff, 0x51, 0, 41, 0, 0];
        for value in [600u32, 500, 88, 0, 600, 500, 0, 0] {
            stream.extend(value.to_be_bytes());
        }
        stream.extend([0, 1]);
        assert_eq!(jpeg_2000(&stream), Some([512, 500, 1]));
    }
}
