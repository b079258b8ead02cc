//! Faults put into the labels of real scans: how many the checks tell, and how
//! often they doubt labels that nobody broke.
//!
//! `cargo bench -p engine --bench label_faults -- MODEL.safetensors COUNT CT [CT ...]`;
//! COUNT faults of each kind a scan. Look at the untouched labels before the
//! false alarms are believed: a doubt about a vertebra that is wrong is right.

use std::collections::HashMap;
use std::error::Error;
use std::path::Path;

use engine::io::{self, Limits};
use engine::segment::faults::{Fault, trial};
use engine::segment::{Method, Model, System};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let [model, count, scans @ ..] = arguments.as_slice() else {
        println!("label_faults: give MODEL.safetensors COUNT CT [CT ...]");
        return Ok(());
    };
    let method = Method::Network(Box::new(System::new(Model::from_file(Path::new(model))?, None, None)?));
    let device = kernels::Cpu::new();
    let mut sums: HashMap<Fault, (usize, usize)> = HashMap::new();
    let (mut whole, mut alarms) = (0, 0);
    for (seed, scan) in (1..).zip(scans) {
        let ct = io::read_ct(Path::new(scan), &Limits::default())?.value;
        let found = trial(&ct, &method, &device, count.parse()?, seed)?;
        println!("{scan}: {} whole vertebrae, {} of them doubted as they are", found.whole, found.alarms);
        (whole, alarms) = (whole + found.whole, alarms + found.alarms);
        for (fault, is_found) in found.faults {
            let sum = sums.entry(fault).or_default();
            *sum = (sum.0 + usize::from(is_found), sum.1 + 1);
        }
    }
    for fault in Fault::ALL {
        let (found, tried) = sums.get(&fault).copied().unwrap_or_default();
        println!("{fault:?}: {found} of {tried} told");
    }
    println!("untouched: {alarms} of {whole} doubted");
    Ok(())
}
