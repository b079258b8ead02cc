//! What healthy adults have, with where it comes from.

/// The range of a parameter in people without a spinal disorder.
pub struct Reference {
    /// Key of the parameter in the measures.
    pub key: &'static str,
    /// Least and greatest usual value.
    pub range: [f64; 2],
    /// True when it is of standing people only.
    pub is_standing: bool,
    /// Number of its source in [`SOURCES`], from 1.
    pub source: usize,
}

const fn of(key: &'static str, range: [f64; 2], is_standing: bool, source: usize) -> Reference {
    Reference { key, range, is_standing, source }
}

/// Ranges by parameter. Kyphosis has none: it grows with age (source 4).
pub const REFERENCES: [Reference; 6] = [
    of("pi_deg", [32.0, 74.0], false, 1),
    of("pt_deg", [0.0, 27.0], true, 1),
    of("ss_deg", [24.0, 55.0], true, 1),
    of("ll_deg", [27.0, 72.0], true, 2),
    of("sva_mm", [f64::NEG_INFINITY, 40.0], true, 3),
    of("cobb_deg", [0.0, 10.0], true, 5),
];

/// Lordosis of people lying, as a CT shows them (source 2).
pub const LYING_LORDOSIS_DEG: [f64; 2] = [10.0, 63.0];

/// Where the ranges come from.
pub const SOURCES: [&str; 5] = [
    "Mean and two standard deviations of 709 adults without symptoms, standing. Mac-Thiong et al., Eur Spine J 20 Suppl 5:572-577, 2011, doi 10.1007/s00586-011-1923-2",
    "Mean and two standard deviations of 627 healthy volunteers, T12-S1 (here L1-S1): 49.8 +-11.2 degrees standing, 36.8 +-13.2 lying. PMC6680033",
    "Below 40 mm: no sagittal modifier. SRS-Schwab classification, Schwab et al., Spine 37:1077-1082, 2012",
    "Kyphosis of healthy adults grows with age and exceeds 40 degrees in most. Zappalá et al., J Orthop Surg Res 16:447, 2021, doi 10.1186/s13018-021-02592-2",
    "A scoliosis begins at 10 degrees (Scoliosis Research Society)",
];

/// The range of a parameter and its source; lying people have their own lordosis.
pub fn range(key: &str, is_standing: bool) -> Option<([f64; 2], usize)> {
    let found = REFERENCES.iter().find(|r| r.key == key)?;
    Some((if key == "ll_deg" && !is_standing { LYING_LORDOSIS_DEG } else { found.range }, found.source))
}

/// Whether a range was taken standing although the patient lay.
pub fn is_of_another_posture(key: &str, is_standing: bool) -> bool {
    !is_standing && key != "ll_deg" && REFERENCES.iter().any(|r| r.key == key && r.is_standing)
}

#[cfg(test)]
mod tests {
    use engine::measure::PARAMETERS;

    use super::*;

    #[test]
    fn every_range_is_of_a_parameter_and_has_its_source() {
        for reference in REFERENCES {
            assert!(PARAMETERS.iter().any(|p| p.key == reference.key), "{}", reference.key);
            assert!((1..=SOURCES.len()).contains(&reference.source) && reference.range[0] < reference.range[1]);
        }
    }

    #[test]
    fn lordosis_of_the_lying_is_compared_with_the_lying() {
        assert_eq!(range("ll_deg", false), Some((LYING_LORDOSIS_DEG, 2)));
        assert!(!is_of_another_posture("ll_deg", false) && is_of_another_posture("sva_mm", false));
        assert!(range("tk_deg", true).is_none());
    }
}
