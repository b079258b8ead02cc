//! A CT's numbers at the energy of a radiograph's photons.
//!
//! Bone stops slow photons better than fast ones, and a radiograph is taken
//! with slower photons than a CT: bone stands out more than the CT's own
//! numbers tell.

use super::DrrError;
use crate::volume::Volume;

/// Energy at which a CT's numbers hold, keV: about the mean of 120 kVp within a trunk.
pub const CT_KEV: f64 = 70.0;
/// About the mean energy of what reaches the detector behind a trunk at 80 to 90 kVp, keV.
pub const RADIOGRAPH_KEV: f64 = 55.0;
/// What a voxel may have without bone mineral in it, HU.
const SOFT_HU: f32 = 100.0;
/// Density of cortical bone, g/cm3 (ICRU report 44).
const BONE_DENSITY: f64 = 1.92;
/// keV; attenuation of cortical bone and of water by mass, cm2/g (Hubbell and Seltzer, NISTIR 5632,
/// DOI 10.18434/T4D01F).
const COEFFICIENTS: [[f64; 3]; 4] =
    [[40.0, 0.6655, 0.2683], [50.0, 0.4242, 0.2269], [60.0, 0.3148, 0.2059], [80.0, 0.2229, 0.1837]];

/// `ct` with bone as photons of `kev` see it.
///
/// What is denser than soft tissue counts as much more, or less, as cortical bone does.
///
/// # Errors
/// [`DrrError::Setting`] for an energy outside of 40 to 80 keV.
pub fn at_energy(mut ct: Volume, kev: f64) -> Result<Volume, DrrError> {
    let gain = bone_gain(kev)? as f32;
    for hu in &mut ct.hu {
        *hu += (gain - 1.0) * (*hu - SOFT_HU).max(0.0);
    }
    Ok(ct)
}

/// What bone stops beyond water at `kev`, relative to a CT's.
fn bone_gain(kev: f64) -> Result<f64, DrrError> {
    let excess = |kev| Some(BONE_DENSITY * attenuation(kev, 1)? / attenuation(kev, 2)? - 1.0);
    let gain = excess(kev).zip(excess(CT_KEV)).map(|(there, here)| there / here);
    gain.ok_or(DrrError::Setting { setting: "energy in keV", value: kev, range: "40 to 80" })
}

/// A column of the table between its rows, both logarithmic; `None` outside.
fn attenuation(kev: f64, column: usize) -> Option<f64> {
    let between = COEFFICIENTS.windows(2).find(|rows| (rows[0][0]..=rows[1][0]).contains(&kev))?;
    let [low, high] = [between[0], between[1]];
    let share = (kev / low[0]).ln() / (high[0] / low[0]).ln();
    Some(low[column] * (high[column] / low[column]).powf(share))
}

#[cfg(test)]
mod tests {
    use geom::Point;

    use super::*;
    use crate::volume::Grid;

    #[test]
    fn bone_gains_what_the_tables_say_and_soft_tissue_nothing() {
        let grid = Grid::axis_aligned([4, 1, 1], [1.0; 3], Point::new(0.0, 0.0, 0.0)).unwrap();
        let ct = Volume { grid, hu: vec![-1000.0, 60.0, 100.0, 1100.0] };
        assert_eq!(at_energy(ct.clone(), CT_KEV).unwrap().hu, ct.hu);
        let seen = at_energy(ct, 50.0).unwrap().hu;
        assert_eq!(seen[..3], [-1000.0, 60.0, 100.0]);
        // 1.92 * 0.4242 / 0.2269 = 3.59 times water at 50 keV; 2.59 times at 70.
        assert!((seen[3] - (100.0 + 1000.0 * 2.59 / 1.59)).abs() < 5.0, "{}", seen[3]);
    }

    #[test]
    fn energies_without_a_table_are_refused() {
        for kev in [39.9, 80.1, f64::NAN] {
            assert!(bone_gain(kev).unwrap_err().to_string().contains("40 to 80"));
        }
    }
}
