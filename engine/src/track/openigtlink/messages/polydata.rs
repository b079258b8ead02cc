//! POLYDATA: a surface as VTK and 3D Slicer send it.

use geom::{Ct, Point};

use crate::track::openigtlink::error::Refusal;
use crate::track::openigtlink::wire::{Put, Reader};

/// Vertices, lines, polygons and strips of a surface.
///
/// The wire does not name a coordinate system; 3D Slicer sends RAS, and so do
/// we. Attributes (scalars, normals) are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolyData<'a> {
    points: &'a [u8],
    /// Points to draw.
    pub vertices: Cells<'a>,
    /// Poly-lines.
    pub lines: Cells<'a>,
    /// Faces of three or more corners.
    pub polygons: Cells<'a>,
    /// Triangle strips.
    pub strips: Cells<'a>,
    /// Number of attributes, and their bytes as sent.
    pub attributes: (u32, &'a [u8]),
}

/// Cells of one sort: each a list of point numbers, all inside the point list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cells<'a> {
    count: u32,
    words: &'a [[u8; 4]],
}

impl<'a> Cells<'a> {
    fn decode(count: u32, bytes: &'a [u8], points: u32) -> Result<Self, Refusal> {
        let (words, rest) = bytes.as_chunks::<4>();
        let cells = Self { count, words };
        let (mut found, mut used) = (0u32, 0usize);
        for cell in cells.iter() {
            found = found.saturating_add(1);
            used += 1 + cell.len();
            if cell.clone().any(|index| index >= points) {
                return Err(content("a cell names a point that was not sent"));
            }
        }
        if found != count || used != words.len() || !rest.is_empty() {
            return Err(content("the cells do not fill the bytes their header gives them"));
        }
        Ok(cells)
    }

    /// The cells, each as its point numbers.
    pub fn iter(&self) -> impl Iterator<Item = impl ExactSizeIterator<Item = u32> + Clone + use<'a>> + use<'a> {
        let mut words = self.words;
        std::iter::from_fn(move || {
            let (head, rest) = words.split_first()?;
            let corners = usize::try_from(u32::from_be_bytes(*head)).ok()?;
            let (cell, rest) = rest.split_at_checked(corners)?;
            words = rest;
            Some(cell.iter().map(|word| u32::from_be_bytes(*word)))
        })
    }

    /// Number of cells.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// True without cells.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn bytes(&self) -> &'a [u8] {
        self.words.as_flattened()
    }
}

impl<'a> PolyData<'a> {
    pub(in crate::track::openigtlink) fn decode(bytes: &'a [u8]) -> Result<Self, Refusal> {
        Self::parts(bytes).unwrap_or(Err(Refusal::Size {
            kind: "POLYDATA",
            found: bytes.len(),
            needed: "40 bytes and the points and cells they announce",
        }))
    }

    fn parts(bytes: &'a [u8]) -> Option<Result<Self, Refusal>> {
        let mut reader = Reader(bytes);
        let points = reader.u32()?;
        let mut head = [(0u32, 0usize); 4];
        for (count, size) in &mut head {
            *count = reader.u32()?;
            *size = usize::try_from(reader.u32()?).ok()?;
        }
        let attributes = reader.u32()?;
        let coordinates = reader.bytes(usize::try_from(points).ok()?.checked_mul(12)?)?;
        let mut cells = [Cells { count: 0, words: &[] }; 4];
        for (cells, (count, size)) in cells.iter_mut().zip(head) {
            match Cells::decode(count, reader.bytes(size)?, points) {
                Ok(decoded) => *cells = decoded,
                Err(refusal) => return Some(Err(refusal)),
            }
        }
        let [vertices, lines, polygons, strips] = cells;
        let attributes = (attributes, reader.0);
        Some(Ok(Self { points: coordinates, vertices, lines, polygons, strips, attributes }))
    }

    pub(in crate::track::openigtlink) fn encode(&self, out: &mut Vec<u8>) {
        let cells = [&self.vertices, &self.lines, &self.polygons, &self.strips];
        out.put_u32s(&[(self.points.len() / 12) as u32]);
        for cells in cells {
            out.put_u32s(&[cells.count, cells.bytes().len() as u32]);
        }
        out.put_u32s(&[self.attributes.0]);
        out.put(self.points);
        for cells in cells {
            out.put(cells.bytes());
        }
        out.put(self.attributes.1);
    }

    /// The points, turned from the wire's RAS into LPS.
    ///
    /// A point that is not finite stays so; check with [`Point::is_finite`].
    pub fn points_lps(&self) -> impl ExactSizeIterator<Item = Point<Ct>> + use<'a> {
        self.points.as_chunks::<12>().0.iter().map(|bytes| {
            let [r, a, s] = Reader(bytes).f32s().unwrap_or([f32::NAN; 3]).map(f64::from);
            Point::new(-r, -a, s)
        })
    }
}

/// Writes the content of a triangle mesh in LPS mm; `false` when it has more
/// points or triangles than the wire can count.
pub(in crate::track::openigtlink) fn encode_mesh(
    points_lps: &[[f32; 3]],
    triangles: &[[u32; 3]],
    out: &mut Vec<u8>,
) -> bool {
    let (Ok(points), Some(size)) = (u32::try_from(points_lps.len()), triangles.len().checked_mul(16)) else {
        return false;
    };
    let Ok(size) = u32::try_from(size) else { return false };
    out.put_u32s(&[points, 0, 0, 0, 0, size / 16, size, 0, 0, 0]);
    for [l, p, s] in points_lps {
        out.put_f32s(&[-l, -p, *s]);
    }
    for [a, b, c] in triangles {
        out.put_u32s(&[3, *a, *b, *c]);
    }
    true
}

const fn content(what: &'static str) -> Refusal {
    Refusal::Content { kind: "POLYDATA", what }
}
