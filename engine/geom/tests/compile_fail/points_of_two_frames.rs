use geom::{Ct, Patient, Point};

fn main() {
    let _ = Point::<Ct>::new(1.0, 2.0, 3.0) - Point::<Patient>::new(1.0, 2.0, 3.0);
}
