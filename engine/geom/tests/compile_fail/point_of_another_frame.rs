use geom::{Ct, Patient, Point, Transform};

fn main() {
    let patient_from_ct = Transform::<Patient, Ct>::identity();
    let _ = patient_from_ct * Point::<Patient>::new(1.0, 2.0, 3.0);
}
