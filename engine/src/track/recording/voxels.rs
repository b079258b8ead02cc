//! The voxels behind the text: not read, but they must be there.

/// What the lines before the voxels say about them.
#[derive(Debug, Default)]
pub(super) struct Voxels {
    pub size: Vec<u64>,
    bytes_each: Option<u64>,
    channels: Option<u64>,
    is_compressed: bool,
    compressed: Option<u64>,
}

impl Voxels {
    /// Takes in a line that is about the voxels; others are passed over.
    pub fn field(&mut self, key: &str, value: &str) {
        match key {
            "DimSize" => self.size = value.split_whitespace().map_while(|n| n.parse().ok()).collect(),
            "ElementType" => self.bytes_each = element_bytes(value),
            "ElementNumberOfChannels" => self.channels = value.parse().ok(),
            "CompressedData" => self.is_compressed = value.eq_ignore_ascii_case("true"),
            "CompressedDataSize" => self.compressed = value.parse().ok(),
            _ => {}
        }
    }

    /// Bytes of voxels, `None` when the header does not tell.
    pub fn announced(&self) -> Option<u64> {
        if self.is_compressed {
            return self.compressed;
        }
        let each = self.bytes_each?.checked_mul(self.channels.unwrap_or(1))?;
        self.size.iter().try_fold(each, |bytes, size| bytes.checked_mul(*size))
    }
}

fn element_bytes(kind: &str) -> Option<u64> {
    match kind {
        "MET_CHAR" | "MET_UCHAR" => Some(1),
        "MET_SHORT" | "MET_USHORT" => Some(2),
        "MET_INT" | "MET_UINT" | "MET_FLOAT" => Some(4),
        "MET_DOUBLE" | "MET_LONG_LONG" | "MET_ULONG_LONG" => Some(8),
        _ => None,
    }
}
