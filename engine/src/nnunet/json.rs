//! JSON files of reasonable size.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::de::DeserializeOwned;

use super::error::NnunetError;

/// Largest file read, bytes.
const MAX_BYTES: u64 = 64 << 20;

/// Reads a file; `advice` says what should be there when it cannot be read.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path, advice: &'static str) -> Result<T, NnunetError> {
    let fail = |cause| NnunetError::Read { path: path.to_owned(), cause, advice };
    let mut text = Vec::new();
    File::open(path).map_err(fail)?.take(MAX_BYTES + 1).read_to_end(&mut text).map_err(fail)?;
    if text.len() as u64 > MAX_BYTES {
        let what = format!("it has more than {MAX_BYTES} bytes; is it the right file?");
        return Err(NnunetError::Content { path: path.to_owned(), what });
    }
    serde_json::from_slice(&text).map_err(|cause| NnunetError::Json { path: path.to_owned(), cause })
}
