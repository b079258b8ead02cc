//! Points and vectors that know their frame.

use std::marker::PhantomData;
use std::ops::{Add, Mul, Neg, Sub};

use nalgebra::Vector3;
use serde::{Deserialize, Serialize};

use crate::frames::Frame;

macro_rules! triple {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Serialize, Deserialize)]
        #[serde(from = "[f64; 3]", into = "[f64; 3]", bound = "")]
        pub struct $name<F: Frame> {
            coordinates: Vector3<f64>,
            frame: PhantomData<F>,
        }

        impl<F: Frame> Clone for $name<F> {
            fn clone(&self) -> Self {
                *self
            }
        }
        impl<F: Frame> Copy for $name<F> {}
        impl<F: Frame> PartialEq for $name<F> {
            fn eq(&self, other: &Self) -> bool {
                self.coordinates == other.coordinates
            }
        }
        impl<F: Frame> std::fmt::Debug for $name<F> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let [x, y, z] = self.to_array();
                write!(f, "{}<{}>({x}, {y}, {z})", stringify!($name), F::NAME)
            }
        }

        impl<F: Frame> $name<F> {
            /// From coordinates in the frame's unit (mm, except in `Voxel`).
            #[must_use]
            pub const fn new(x: f64, y: f64, z: f64) -> Self {
                Self::from_vector3(Vector3::new(x, y, z))
            }

            /// From a bare nalgebra vector; the caller vouches for the frame.
            #[must_use]
            pub const fn from_vector3(coordinates: Vector3<f64>) -> Self {
                Self { coordinates, frame: PhantomData }
            }

            /// The coordinates `[x, y, z]`.
            #[must_use]
            pub fn to_array(self) -> [f64; 3] {
                self.coordinates.into()
            }

            /// The coordinates without their frame, for linear algebra.
            #[must_use]
            pub const fn vector3(self) -> Vector3<f64> {
                self.coordinates
            }

            /// True when no coordinate is NaN or infinite.
            #[must_use]
            pub fn is_finite(self) -> bool {
                self.coordinates.iter().all(|c| c.is_finite())
            }
        }

        impl<F: Frame> From<[f64; 3]> for $name<F> {
            fn from([x, y, z]: [f64; 3]) -> Self {
                Self::new(x, y, z)
            }
        }
        impl<F: Frame> From<$name<F>> for [f64; 3] {
            fn from(triple: $name<F>) -> Self {
                triple.to_array()
            }
        }
        impl<F: Frame> From<[f32; 3]> for $name<F> {
            fn from(c: [f32; 3]) -> Self {
                Self::new(f64::from(c[0]), f64::from(c[1]), f64::from(c[2]))
            }
        }
    };
}

triple!(
    /// A position in frame `F`.
    Point
);
triple!(
    /// A displacement or direction in frame `F`.
    Vector
);

impl<F: Frame> Point<F> {
    /// Euclidean distance to `other` in the frame's unit.
    ///
    /// ```
    /// use geom::{Ct, Point};
    /// assert_eq!(Point::<Ct>::new(3.0, 4.0, 0.0).distance(Point::new(0.0, 0.0, 0.0)), 5.0);
    /// ```
    #[must_use]
    pub fn distance(self, other: Self) -> f64 {
        (self.coordinates - other.coordinates).norm()
    }

    /// Mean of `points`, or `None` when there are none.
    #[must_use]
    pub fn centroid(points: &[Self]) -> Option<Self> {
        let sum = points.iter().fold(Vector3::zeros(), |sum, p| sum + p.coordinates);
        (!points.is_empty()).then(|| Self::from_vector3(sum / points.len() as f64))
    }
}

impl<F: Frame> Vector<F> {
    /// Euclidean length in the frame's unit.
    #[must_use]
    pub fn norm(self) -> f64 {
        self.coordinates.norm()
    }

    /// Dot product.
    #[must_use]
    pub fn dot(self, other: Self) -> f64 {
        self.coordinates.dot(&other.coordinates)
    }

    /// Cross product, right-handed.
    #[must_use]
    pub fn cross(self, other: Self) -> Self {
        Self::from_vector3(self.coordinates.cross(&other.coordinates))
    }

    /// The direction as a unit vector, or `None` when the length is not
    /// safely above zero.
    #[must_use]
    pub fn normalized(self) -> Option<Self> {
        self.coordinates.try_normalize(1e-12).map(Self::from_vector3)
    }
}

impl<F: Frame> Sub for Point<F> {
    type Output = Vector<F>;
    fn sub(self, other: Self) -> Vector<F> {
        Vector::from_vector3(self.coordinates - other.coordinates)
    }
}
impl<F: Frame> Add<Vector<F>> for Point<F> {
    type Output = Self;
    fn add(self, by: Vector<F>) -> Self {
        Self::from_vector3(self.coordinates + by.coordinates)
    }
}
impl<F: Frame> Sub<Vector<F>> for Point<F> {
    type Output = Self;
    fn sub(self, by: Vector<F>) -> Self {
        Self::from_vector3(self.coordinates - by.coordinates)
    }
}
impl<F: Frame> Add for Vector<F> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::from_vector3(self.coordinates + other.coordinates)
    }
}
impl<F: Frame> Sub for Vector<F> {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self::from_vector3(self.coordinates - other.coordinates)
    }
}
impl<F: Frame> Mul<f64> for Vector<F> {
    type Output = Self;
    fn mul(self, factor: f64) -> Self {
        Self::from_vector3(self.coordinates * factor)
    }
}
impl<F: Frame> Neg for Vector<F> {
    type Output = Self;
    fn neg(self) -> Self {
        Self::from_vector3(-self.coordinates)
    }
}
