//! One asymmetric anatomy, and files written from it byte by byte, so that the
//! reader is not tested against its own writer.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use geom::nalgebra::{Matrix3, Matrix3x4, Rotation3, UnitQuaternion};

/// Voxels along L, P, S; all different so that a swapped axis shows.
pub const SIZE: [usize; 3] = [7, 9, 11];
/// Spacing along L, P, S in mm; all different, all at most 2.
pub const SPACING: [f64; 3] = [1.5, 0.75, 2.0];
/// LPS position of the lowest corner.
pub const ORIGIN: [f64; 3] = [-31.0, 12.5, -207.0];

/// HU of the anatomy at lattice point (l, p, s): air, soft tissue and bone in
/// no symmetric order.
pub fn hu(l: usize, p: usize, s: usize) -> i16 {
    ((l * 389 + p * 1013 + s * 2741 + l * p * 31 + p * s * s * 7) % 2400) as i16 - 1000
}

/// LPS position of a lattice point.
pub fn position(l: f64, p: f64, s: f64) -> [f64; 3] {
    [ORIGIN[0] + l * SPACING[0], ORIGIN[1] + p * SPACING[1], ORIGIN[2] + s * SPACING[2]]
}

/// A storage order: file axis `a` runs along patient axis `order[a]`,
/// backwards when `flip[a]`.
#[derive(Debug, Clone, Copy)]
pub struct Storage {
    pub order: [usize; 3],
    pub flip: [bool; 3],
}

impl Storage {
    /// Axes right, anterior, superior: plain NIfTI.
    pub const RAS: Self = Self { order: [0, 1, 2], flip: [true, true, false] };

    /// All 48.
    pub fn all() -> impl Iterator<Item = Self> {
        let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        orders
            .into_iter()
            .flat_map(|order| (0..8).map(move |bits| Self { order, flip: [bits & 1 > 0, bits & 2 > 0, bits & 4 > 0] }))
    }

    pub fn size(&self) -> [usize; 3] {
        self.order.map(|axis| SIZE[axis])
    }

    /// Values in file order, first file axis fastest.
    pub fn values(&self) -> Vec<i16> {
        let [nx, ny, nz] = self.size();
        let mut out = Vec::new();
        for z in 0..nz {
            for y in 0..ny {
                for x in 0..nx {
                    let mut lps = [0; 3];
                    for (axis, index) in [x, y, z].into_iter().enumerate() {
                        let patient = self.order[axis];
                        lps[patient] = if self.flip[axis] { SIZE[patient] - 1 - index } else { index };
                    }
                    out.push(hu(lps[0], lps[1], lps[2]));
                }
            }
        }
        out
    }

    /// RAS-from-voxel affine as NIfTI wants it.
    pub fn ras_affine(&self) -> Matrix3x4<f64> {
        let mut lps = Matrix3x4::zeros();
        lps.set_column(3, &ORIGIN.into());
        for axis in 0..3 {
            let patient = self.order[axis];
            let step = SPACING[patient] * if self.flip[axis] { -1.0 } else { 1.0 };
            lps[(patient, axis)] = step;
            if self.flip[axis] {
                lps[(patient, 3)] += SPACING[patient] * (SIZE[patient] - 1) as f64;
            }
        }
        lps.row_mut(0).neg_mut();
        lps.row_mut(1).neg_mut();
        lps
    }
}

/// A NIfTI-1 file to be.
#[derive(Clone)]
pub struct Nifti {
    pub dim: [u16; 8],
    pub datatype: i16,
    pub bitpix: i16,
    pub pixdim: [f32; 8],
    pub vox_offset: f32,
    pub slope: f32,
    pub inter: f32,
    pub units: u8,
    pub qform: Option<[f32; 6]>,
    pub sform: Option<[f32; 12]>,
    pub is_big_endian: bool,
    pub data: Vec<u8>,
}

impl Nifti {
    /// 16-bit file of the phantom in `storage`, without any form.
    pub fn of(storage: &Storage) -> Self {
        let [x, y, z] = storage.size().map(|n| n as u16);
        let spacing = storage.order.map(|axis| SPACING[axis] as f32);
        Self {
            dim: [3, x, y, z, 1, 1, 1, 1],
            datatype: 4,
            bitpix: 16,
            pixdim: [1.0, spacing[0], spacing[1], spacing[2], 0.0, 0.0, 0.0, 0.0],
            vox_offset: 352.0,
            slope: 1.0,
            inter: 0.0,
            units: 2,
            qform: None,
            sform: None,
            is_big_endian: false,
            data: storage.values().iter().flat_map(|v| v.to_le_bytes()).collect(),
        }
    }

    pub fn with_sform(mut self, ras: &Matrix3x4<f64>) -> Self {
        self.sform = Some(std::array::from_fn(|i| ras[(i / 4, i % 4)] as f32));
        self
    }

    /// Right-angled affines only; a left-handed one sets qfac to -1.
    pub fn with_qform(mut self, ras: &Matrix3x4<f64>) -> Self {
        let mut axes: Matrix3<f64> = ras.fixed_view::<3, 3>(0, 0).into();
        axes.column_iter_mut().for_each(|mut c| {
            c.normalize_mut();
        });
        if axes.determinant() < 0.0 {
            self.pixdim[0] = -1.0;
            axes.column_mut(2).neg_mut();
        }
        let q = UnitQuaternion::from_rotation_matrix(&Rotation3::from_matrix_unchecked(axes)).into_inner();
        let sign = if q.w < 0.0 { -1.0 } else { 1.0 };
        let [b, c, d] = [q.i, q.j, q.k].map(|v| (v * sign) as f32);
        self.qform = Some([b, c, d, ras[(0, 3)] as f32, ras[(1, 3)] as f32, ras[(2, 3)] as f32]);
        self
    }

    /// Header and voxels, uncompressed.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = vec![0u8; 348];
        let order = |mut b: Vec<u8>| {
            if self.is_big_endian {
                b.reverse();
            }
            b
        };
        let mut put = |at: usize, b: Vec<u8>| out[at..at + b.len()].copy_from_slice(&order(b));
        put(0, 348i32.to_le_bytes().into());
        self.dim.iter().enumerate().for_each(|(i, v)| put(40 + 2 * i, v.to_le_bytes().into()));
        put(70, self.datatype.to_le_bytes().into());
        put(72, self.bitpix.to_le_bytes().into());
        self.pixdim.iter().enumerate().for_each(|(i, v)| put(76 + 4 * i, v.to_le_bytes().into()));
        put(108, self.vox_offset.to_le_bytes().into());
        put(112, self.slope.to_le_bytes().into());
        put(116, self.inter.to_le_bytes().into());
        put(123, vec![self.units]);
        put(252, i16::from(self.qform.is_some()).to_le_bytes().into());
        put(254, i16::from(self.sform.is_some()).to_le_bytes().into());
        let forms = self.qform.unwrap_or_default().into_iter().chain(self.sform.unwrap_or_default());
        forms.enumerate().for_each(|(i, v)| put(256 + 4 * i, v.to_le_bytes().into()));
        out[344..348].copy_from_slice(b"n+1\0");
        out.resize(self.vox_offset as usize, 0);
        out.extend_from_slice(&self.data);
        out
    }
}

/// A folder that goes away with the test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!("spinenav-io-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes `bytes` as `name`, compressed when that ends in `.gz`.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, if name.ends_with(".gz") { gzip(bytes) } else { bytes.to_vec() }).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Fails unless `volume` holds the phantom at every lattice point, and between.
pub fn assert_is_phantom(volume: &engine::volume::Volume, case: &str) {
    let sample = |p: [f64; 3]| volume.sample(p.into());
    for s in 0..SIZE[2] {
        for p in 0..SIZE[1] {
            for l in 0..SIZE[0] {
                let (at, want) = (position(l as f64, p as f64, s as f64), f32::from(hu(l, p, s)));
                let got = sample(at).unwrap_or(f32::NAN);
                // Headers hold single precision: 1e-5 of a voxel times 2400 HU.
                assert!((got - want).abs() < 0.2, "{case}: {got} instead of {want} HU at {at:?}");
            }
        }
    }
    let between = sample(position(2.0, 3.25, 4.0)).unwrap();
    let want = 0.75 * f32::from(hu(2, 3, 4)) + 0.25 * f32::from(hu(2, 4, 4));
    assert!((between - want).abs() < 0.2, "{case}: {between} instead of {want} HU between two voxels");
    assert_eq!(sample(position(-1.0, 0.0, 0.0)), None, "{case}: nothing lies outside");
}
