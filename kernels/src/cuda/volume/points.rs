//! Nearest neighbours of placed points on the GPU.
#![allow(unsafe_code)]

use super::buffer::{BLOCK, Buffer, each, grid_error, launch, narrow, parameters, same_gpu};
use super::scan::exclusive_sum;
use crate::cuda::Cuda;
use crate::cuda::driver::{Shape, refuse};
use crate::error::OpError;
use crate::grid::check_setting;

/// Cells of the look-up grid at most (64 MiB); larger extents get larger cells.
const MAX_CELLS: usize = 16 << 20;

/// Target points a block of the exhaustive search reads at a time.
const TILE: usize = 256;

/// A surface to register to: points (mm), their normals, and a grid of cells
/// for look-ups. Built once for any number of registrations.
#[derive(Debug)]
pub struct DeviceTarget {
    pub(super) points: Buffer<f32>,
    pub(super) normals: Buffer<f32>,
    pub(super) count: usize,
    ends: Buffer<u32>,
    order: Buffer<u32>,
    cells: Buckets,
}

/// Touched points relative to their centroid, mm.
#[derive(Debug)]
pub struct DevicePoints {
    pub(super) offsets: Buffer<f32>,
    pub(super) count: usize,
}

/// A found neighbour for each of the source points.
#[derive(Debug)]
pub struct DeviceNeighbours {
    pub(super) keys: Buffer<u64>,
    pub(super) count: usize,
}

/// A found neighbour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// Index of the target point; the lowest of equally near ones.
    pub index: u32,
    /// Squared distance to it, mm^2.
    pub squared_mm2: f32,
}

/// Where source points are put: turned, then moved.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub struct PointsPose {
    /// Row-major rotation about the centroid.
    pub rotation: [f32; 9],
    /// Place of the centroid, mm.
    pub centre: [f32; 3],
}

/// How neighbours are looked for. Both find the nearest point exactly.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Search {
    /// Every target point for every source point: best up to some thousands
    /// of target points.
    Exhaustive,
    /// In the cells around, up to this distance (mm); no neighbour beyond it.
    Within(f32),
}

#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct Buckets {
    low: [f32; 3],
    cell_mm: f32,
    size: [i32; 3],
}

parameters! {
    struct CountParameters { targets: u64, counts: u64, target_count: u32, cells: Buckets }
}
parameters! {
    struct FillParameters { targets: u64, next: u64, order: u64, target_count: u32, cells: Buckets }
}
parameters! { struct NothingParameters { keys: u64, sources: u32 } }
parameters! {
    struct AllParameters {
        offsets: u64, targets: u64, keys: u64, sources: u32, target_count: u32, stretch: u32, placement: PointsPose,
    }
}
parameters! {
    struct BucketsParameters {
        offsets: u64, targets: u64, ends: u64, order: u64, keys: u64, sources: u32, cells: Buckets, max_mm: f32,
        placement: PointsPose,
    }
}

impl Cuda {
    /// Copies a surface to the GPU and sorts its points into cells.
    ///
    /// - `points`, `normals`: mm and unit length, one normal a point.
    /// - `cell_mm`: about the spacing of the points, 0.1 to 1000.
    ///
    /// # Errors
    /// [`OpError::Device`] for no points, 2^31 or more, numbers that are not
    /// finite, and normals that do not fit the points.
    pub fn registration_target(
        &self,
        points: &[[f32; 3]],
        normals: &[[f32; 3]],
        cell_mm: f32,
    ) -> Result<DeviceTarget, OpError> {
        let is_valid = (0.1..=1000.0).contains(&cell_mm);
        check_setting("registration_target", "cell_mm", f64::from(cell_mm), is_valid, "0.1 to 1000 mm")
            .map_err(grid_error)?;
        if normals.len() != points.len() {
            let (points, normals) = (points.len(), normals.len());
            return Err(refuse(&format!("registration_target: {points} points, but {normals} normals")));
        }
        check_points("registration_target", points)?;
        check_points("registration_target", normals)?;
        let count = points.len();
        let cells = Buckets::around(points, cell_mm);
        let cell_count = cells.size.iter().map(|&n| n as usize).product();
        let targets = Buffer::upload(&self.driver, points.as_flattened())?;
        let ends = Buffer::<u32>::zeros(&self.driver, cell_count)?;
        let order = Buffer::<u32>::new(&self.driver, count)?;
        let target_count = narrow(count);
        let counting = CountParameters { targets: targets.address(), counts: ends.address(), target_count, cells };
        // SAFETY: points and cells of those counts, and cells are clamped to
        // the grid; watched by `cuda_volume::finds_the_nearest_points`.
        unsafe { launch(&self.driver, "buckets_count", each(count), &counting)? };
        exclusive_sum(&ends, cell_count)?;
        let (next, order_address) = (ends.address(), order.address());
        let fill = FillParameters { targets: targets.address(), next, order: order_address, target_count, cells };
        // SAFETY: as above; every point has one place in `order`.
        unsafe { launch(&self.driver, "buckets_fill", each(count), &fill)? };
        let normals = Buffer::upload(&self.driver, normals.as_flattened())?;
        Ok(DeviceTarget { points: targets, normals, count, ends, order, cells })
    }

    /// Copies touched points, relative to their centroid (mm), to the GPU.
    ///
    /// # Errors
    /// [`OpError::Device`] for no points, 2^31 or more, and numbers that are
    /// not finite.
    pub fn upload_points(&self, offsets: &[[f32; 3]]) -> Result<DevicePoints, OpError> {
        check_points("upload_points", offsets)?;
        Ok(DevicePoints { offsets: Buffer::upload(&self.driver, offsets.as_flattened())?, count: offsets.len() })
    }
}

fn check_points(operation: &'static str, points: &[[f32; 3]]) -> Result<(), OpError> {
    if points.is_empty() || points.len() >= 1 << 31 {
        return Err(refuse(&format!(
            "{operation}: {} points; at least one and fewer than 2^31 are needed",
            points.len()
        )));
    }
    match points.iter().position(|p| !p.iter().all(|c| c.is_finite())) {
        Some(index) => Err(refuse(&format!("{operation}: point {index} is {:?}, which is not finite", points[index]))),
        None => Ok(()),
    }
}

impl Buckets {
    /// Cells over the box of the points (finite, at least one).
    fn around(points: &[[f32; 3]], cell_mm: f32) -> Self {
        let (mut low, mut high) = ([f32::INFINITY; 3], [f32::NEG_INFINITY; 3]);
        for point in points {
            for axis in 0..3 {
                low[axis] = low[axis].min(point[axis]);
                high[axis] = high[axis].max(point[axis]);
            }
        }
        let mut cell_mm = cell_mm;
        let size_at = |cell: f32| [0, 1, 2].map(|axis| ((high[axis] - low[axis]) / cell) as usize + 1);
        let count = |size: [usize; 3]| size.iter().fold(1_usize, |n, &s| n.saturating_mul(s));
        while count(size_at(cell_mm)) > MAX_CELLS {
            cell_mm *= 1.26;
        }
        Self { low, cell_mm, size: size_at(cell_mm).map(|n| i32::try_from(n).unwrap_or(i32::MAX)) }
    }
}

impl DeviceTarget {
    /// The nearest target point of each source point at `pose`.
    ///
    /// # Errors
    /// [`OpError::Device`] for a distance that is not positive, and points of
    /// another GPU. A pose that is not finite finds nothing.
    ///
    /// Cost: exhaustive, source times target points; within a distance, the
    /// points of the cells nearer than the neighbour found.
    pub fn nearest(
        &self,
        points: &DevicePoints,
        pose: &PointsPose,
        search: Search,
    ) -> Result<DeviceNeighbours, OpError> {
        let driver = self.points.driver();
        same_gpu(driver, points.offsets.driver())?;
        let keys = Buffer::<u64>::new(driver, points.count)?;
        match search {
            Search::Exhaustive => self.nearest_of_all(points, pose, &keys)?,
            Search::Within(max_mm) => self.nearest_within(points, pose, &keys, max_mm)?,
        }
        Ok(DeviceNeighbours { keys, count: points.count })
    }

    fn nearest_of_all(&self, points: &DevicePoints, pose: &PointsPose, keys: &Buffer<u64>) -> Result<(), OpError> {
        let driver = self.points.driver();
        let sources = narrow(points.count);
        // Few source points are spread over stretches of the target, so that
        // every multiprocessor has blocks to run.
        let columns = points.count.div_ceil(BLOCK as usize);
        let rows = (4 * driver.multiprocessors).div_ceil(columns).clamp(1, self.count.div_ceil(TILE));
        let stretch = self.count.div_ceil(rows).next_multiple_of(TILE);
        let rows = self.count.div_ceil(stretch);
        let parameters = AllParameters {
            offsets: points.offsets.address(),
            targets: self.points.address(),
            keys: keys.address(),
            sources,
            target_count: narrow(self.count),
            stretch: narrow(stretch),
            placement: *pose,
        };
        let shape = Shape { grid: [narrow(columns), narrow(rows), 1], threads: BLOCK, shared_bytes: 0 };
        // SAFETY: a key a source point, three values a point; watched by
        // `cuda_volume::finds_the_nearest_points`.
        unsafe {
            launch(driver, "nothing_found", each(points.count), &NothingParameters { keys: keys.address(), sources })?;
            launch(driver, "nearest_of_all", shape, &parameters)
        }
    }

    fn nearest_within(
        &self,
        points: &DevicePoints,
        pose: &PointsPose,
        keys: &Buffer<u64>,
        max_mm: f32,
    ) -> Result<(), OpError> {
        let is_valid = max_mm > 0.0;
        check_setting("nearest", "distance", f64::from(max_mm), is_valid, "above 0 mm and finite")
            .map_err(grid_error)?;
        let parameters = BucketsParameters {
            offsets: points.offsets.address(),
            targets: self.points.address(),
            ends: self.ends.address(),
            order: self.order.address(),
            keys: keys.address(),
            sources: narrow(points.count),
            cells: self.cells,
            max_mm,
            placement: *pose,
        };
        let shape = Shape::one_thread_each(points.count, 128);
        // SAFETY: as above, and the cells were filled from these points.
        unsafe { launch(self.points.driver(), "nearest_in_buckets", shape, &parameters) }
    }
}

impl DeviceNeighbours {
    /// Brings the neighbours back; `None` for a point without one.
    ///
    /// # Errors
    /// [`OpError::Device`] when anything queued before failed.
    pub fn download(&self) -> Result<Vec<Option<Neighbour>>, OpError> {
        let neighbour = |key: u64| {
            let (index, squared_mm2) = (key as u32, f32::from_bits((key >> 32) as u32));
            (key != u64::MAX).then_some(Neighbour { index, squared_mm2 })
        };
        Ok(self.keys.download()?.into_iter().map(neighbour).collect())
    }
}
