//! Losing a GPU in the middle of a case is a delay, not a failure.

use std::sync::{Arc, Mutex};

use super::{ClassFields, Device, Executable, Precision, VolumeError, VolumeRun};
use crate::error::OpError;
use crate::graph::NetworkError;
use crate::program::Program;
use crate::radiograph::XrayCamera;
use crate::tensor::Tensor;

/// Told once when the first device is given up, with the reason.
pub type LossReport = Arc<dyn Fn(&OpError) + Send + Sync>;

/// Runs on one device and, from its first failure on, on another.
///
/// The run that failed is repeated, so that the caller only sees a result.
/// Once lost, a device is not asked again.
#[derive(Clone)]
pub struct Fallback {
    first: Arc<dyn Device>,
    second: Arc<dyn Device>,
    report: LossReport,
    loss: Arc<Mutex<Option<OpError>>>,
}

impl std::fmt::Debug for Fallback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fallback").field("first", &self.first).field("second", &self.second).finish_non_exhaustive()
    }
}

impl Fallback {
    /// `first` until it fails, then `second`; `report` hears of the change.
    #[must_use]
    pub fn new(first: Arc<dyn Device>, second: Arc<dyn Device>, report: LossReport) -> Self {
        Self { first, second, report, loss: Arc::default() }
    }

    /// Why the first device was given up, if it was.
    #[must_use]
    pub fn loss(&self) -> Option<OpError> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<OpError>> {
        self.loss.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn lose(&self, error: OpError) {
        let mut loss = self.lock();
        if loss.is_none() {
            (self.report)(&error);
            *loss = Some(error);
        }
    }
}

impl Device for Fallback {
    fn description(&self) -> String {
        match self.loss() {
            None => self.first.description(),
            Some(_) => self.second.description(),
        }
    }

    fn load(&self, program: &Arc<Program>, precision: Precision) -> Result<Box<dyn Executable>, OpError> {
        let mut running = None;
        if self.loss().is_none() {
            match self.first.load(program, precision) {
                Ok(executable) => running = Some(executable),
                Err(error @ OpError::Device { .. }) => self.lose(error),
                Err(other) => return Err(other),
            }
        }
        let is_first = running.is_some();
        let running = match running {
            Some(executable) => executable,
            None => self.second.load(program, precision)?,
        };
        Ok(Box::new(Guarded { device: self.clone(), program: Arc::clone(program), precision, running, is_first }))
    }

    fn class_fields(
        &self,
        program: &Arc<Program>,
        hu: &[f32],
        run: &VolumeRun,
        progress: &mut dyn FnMut(f64),
    ) -> Result<ClassFields, VolumeError> {
        if self.loss().is_none() {
            match self.first.class_fields(program, hu, run, progress) {
                Err(VolumeError::Network(NetworkError::Operation { source: error @ OpError::Device { .. } })) => {
                    self.lose(error);
                }
                result => return result,
            }
        }
        self.second.class_fields(program, hu, run, progress)
    }

    fn radiograph(
        &self,
        hu: &[f32],
        dims: [usize; 3],
        camera: &XrayCamera,
        size: [usize; 2],
    ) -> Result<Vec<f32>, VolumeError> {
        if self.loss().is_none() {
            match self.first.radiograph(hu, dims, camera, size) {
                Err(VolumeError::Network(NetworkError::Operation { source: error @ OpError::Device { .. } })) => {
                    self.lose(error);
                }
                result => return result,
            }
        }
        self.second.radiograph(hu, dims, camera, size)
    }
}

/// An executable that changes its device when it must.
#[derive(Debug)]
struct Guarded {
    device: Fallback,
    program: Arc<Program>,
    precision: Precision,
    running: Box<dyn Executable>,
    is_first: bool,
}

impl Executable for Guarded {
    fn run(&mut self, input: &Tensor, outputs: &mut Vec<Tensor>) -> Result<(), NetworkError> {
        if self.is_first && self.device.loss().is_none() {
            match self.running.run(input, outputs) {
                Err(NetworkError::Operation { source: error @ OpError::Device { .. } }) => self.device.lose(error),
                result => return result,
            }
        }
        if self.is_first {
            self.running = self.device.second.load(&self.program, self.precision)?;
            self.is_first = false;
        }
        self.running.run(input, outputs)
    }

    fn peak_bytes(&self) -> usize {
        self.running.peak_bytes()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::graph::{Conv, GraphBuilder};
    use crate::weights::Weights;

    /// Gives its number as the result, and fails from the run `lives` on.
    #[derive(Debug)]
    struct Numbered {
        number: f32,
        lives: usize,
    }

    #[derive(Debug)]
    struct NumberedRun {
        number: f32,
        lives: usize,
    }

    impl Device for Numbered {
        fn description(&self) -> String {
            format!("device {}", self.number)
        }

        fn load(&self, _: &Arc<Program>, _: Precision) -> Result<Box<dyn Executable>, OpError> {
            Ok(Box::new(NumberedRun { number: self.number, lives: self.lives }))
        }
    }

    impl Executable for NumberedRun {
        fn run(&mut self, _: &Tensor, outputs: &mut Vec<Tensor>) -> Result<(), NetworkError> {
            if self.lives == 0 {
                return Err(OpError::Device { device: "GPU", reason: "fell off the bus".to_owned() }.into());
            }
            self.lives -= 1;
            *outputs = vec![Tensor::new([1; 4], vec![self.number])?];
            Ok(())
        }

        fn peak_bytes(&self) -> usize {
            0
        }
    }

    #[test]
    fn a_lost_device_is_replaced_in_the_same_run_and_reported_once() {
        let mut g = GraphBuilder::new();
        let x = g.input(1);
        let y = g.conv(x, "layer", Conv::new(1, [1; 3]).without_bias());
        g.output("out", y);
        let graph = g.build().unwrap();
        let mut weights = Weights::new();
        weights.insert("layer.weight", vec![1; 5], vec![1.0]).unwrap();
        let program = Arc::new(Program::new(&graph, &weights).unwrap());

        let reports = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&reports);
        let report: LossReport = Arc::new(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        let device = Fallback::new(
            Arc::new(Numbered { number: 1.0, lives: 2 }),
            Arc::new(Numbered { number: 2.0, lives: 9 }),
            report,
        );
        let mut first = device.load(&program, Precision::F32).unwrap();
        let mut other = device.load(&program, Precision::F32).unwrap();
        let (input, mut outputs) = (Tensor::zeros([1; 4]).unwrap(), Vec::new());
        let mut numbers = Vec::new();
        for _ in 0..4 {
            first.run(&input, &mut outputs).unwrap();
            numbers.push(outputs[0].data()[0]);
        }
        other.run(&input, &mut outputs).unwrap();
        numbers.push(outputs[0].data()[0]);
        assert_eq!(numbers, [1.0, 1.0, 2.0, 2.0, 2.0]);
        assert_eq!(reports.load(Ordering::Relaxed), 1);
        assert_eq!(device.description(), "device 2");
    }
}
