//! A wrong composition of frames must not compile.
//!
//! The assertions below are compile-time proofs: the build of this test fails
//! the moment one of the forbidden operations exists. The documentation of
//! [`geom::Transform`] shows the same mistakes as code that does not compile.

use std::ops::{Mul, Sub};

use geom::{Ct, Patient, Point, Tool, Tracker, Transform, Vector};
use static_assertions::{assert_impl_all, assert_not_impl_any};

// tracker_from_patient * patient_from_ct
assert_impl_all!(Transform<Tracker, Patient>: Mul<Transform<Patient, Ct>>);
// patient_from_ct * tracker_from_patient: the inner frames do not meet
assert_not_impl_any!(Transform<Patient, Ct>: Mul<Transform<Tracker, Patient>>);
// ct_from_patient where patient_from_ct was meant
assert_not_impl_any!(Transform<Tracker, Patient>: Mul<Transform<Ct, Patient>>);
// a point or direction of another frame
assert_not_impl_any!(Transform<Patient, Ct>: Mul<Point<Patient>>, Mul<Point<Tool>>, Mul<Vector<Patient>>);
// the distance of points in two frames
assert_not_impl_any!(Point<Ct>: Sub<Point<Patient>>, Sub<Vector<Patient>>);

#[test]
fn the_right_order_composes() {
    let tracker_from_patient = Transform::<Tracker, Patient>::from_translation(Vector::new(1.0, 0.0, 0.0));
    let patient_from_ct = Transform::<Patient, Ct>::from_translation(Vector::new(0.0, 2.0, 0.0));
    let tip = tracker_from_patient * patient_from_ct * Point::<Ct>::new(0.0, 0.0, 3.0);
    assert_eq!(tip, Point::<Tracker>::new(1.0, 2.0, 3.0));
}
