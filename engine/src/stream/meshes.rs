//! Bone surfaces for viewers that have no case: binary STL in pieces.

use sha2::{Digest, Sha256};

use crate::case::Case;
use crate::io::stl;
use crate::level::Level;

/// Bytes of a piece: fits one batch of the transport.
pub const CHUNK_BYTES: usize = 48 * 1024;

/// The surface of one level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelMesh {
    /// Which level.
    pub level: Level,
    /// Binary STL, LPS mm.
    pub stl: Vec<u8>,
    /// SHA-256 of the STL.
    pub sha256: [u8; 32],
}

/// The surfaces of a case.
#[derive(Debug, Clone, Default)]
pub struct LevelMeshes(Vec<LevelMesh>);

impl LevelMeshes {
    /// The surfaces of `case`, about 50 bytes a triangle. A surface that names
    /// a vertex it does not have is left out; no case of ours has one.
    #[must_use]
    pub fn new(case: &Case) -> Self {
        let mesh = |vertebra: &crate::case::Vertebra| {
            let stl = stl::encode(&vertebra.mesh).ok()?;
            let sha256 = Sha256::digest(&stl).into();
            Some(LevelMesh { level: vertebra.level, stl, sha256 })
        };
        Self(case.vertebrae.iter().filter_map(mesh).collect())
    }

    /// The surfaces, from head to foot.
    pub fn iter(&self) -> impl Iterator<Item = &LevelMesh> {
        self.0.iter()
    }

    /// Piece `index` of the surface of the level with this number.
    #[must_use]
    pub fn chunk(&self, level: u8, index: usize) -> Option<&[u8]> {
        self.0.iter().find(|mesh| mesh.level.number() == level)?.stl.chunks(CHUNK_BYTES).nth(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::phantom::case;

    #[test]
    fn the_pieces_of_a_surface_make_the_whole() {
        let meshes = LevelMeshes::new(&case().unwrap());
        let mesh = meshes.iter().next().unwrap();
        let mut whole = Vec::new();
        for index in 0..mesh.stl.len().div_ceil(CHUNK_BYTES) {
            whole.extend_from_slice(meshes.chunk(22, index).unwrap());
        }
        assert!(whole == mesh.stl && mesh.stl.len() > CHUNK_BYTES);
        assert_eq!(meshes.chunk(22, 1000), None);
        assert_eq!(meshes.chunk(21, 0), None);
    }
}
