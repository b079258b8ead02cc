//! Units as types, for the places where a bare number would be ambiguous.

use serde::{Deserialize, Serialize};

macro_rules! unit {
    ($(#[$doc:meta])* $name:ident($inner:ty), $symbol:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                // `{:.2}` and friends reach the number, so a value is never cut.
                std::fmt::Display::fmt(&self.0, f)?;
                f.write_str($symbol)
            }
        }
        impl std::ops::Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }
        impl std::ops::Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }
    };
}

unit!(
    /// A length in millimetres.
    Millimetres(f64), " mm"
);
unit!(
    /// An angle in radians.
    Radians(f64), " rad"
);
unit!(
    /// An angle in degrees.
    Degrees(f64), " deg"
);
unit!(
    /// A time or duration in nanoseconds of a clock named by the context.
    Nanoseconds(u64), " ns"
);

impl From<Degrees> for Radians {
    fn from(angle: Degrees) -> Self {
        Self(angle.0.to_radians())
    }
}

impl From<Radians> for Degrees {
    fn from(angle: Radians) -> Self {
        Self(angle.0.to_degrees())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degrees_and_radians_round_trip() {
        let angle = Degrees::from(Radians::from(Degrees(37.5)));
        assert!((angle.0 - 37.5).abs() < 1e-12);
    }

    #[test]
    fn a_printed_value_keeps_its_digits_and_names_its_unit() {
        // A recalled navigation system showed "8_.5 mm" (StealthStation S8 cranial).
        assert_eq!(format!("{:.2}", Millimetres(8.25)), "8.25 mm");
        assert_eq!(Degrees(-0.5).to_string(), "-0.5 deg");
    }
}
