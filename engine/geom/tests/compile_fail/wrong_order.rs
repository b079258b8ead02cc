use geom::{Ct, Patient, Tracker, Transform};

fn main() {
    let tracker_from_patient = Transform::<Tracker, Patient>::identity();
    let patient_from_ct = Transform::<Patient, Ct>::identity();
    let _ = patient_from_ct * tracker_from_patient;
}
