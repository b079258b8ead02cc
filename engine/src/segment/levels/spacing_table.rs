//! How far apart the centres of neighbouring vertebral bodies are.
//!
//! Printed by `scripts/fit_level_chain.py` from the vertebra keypoints of
//! 1 947 CTs (Bürgin, Prevost, Stollenga, "Robust vertebra identification
//! using simultaneous node and edge predicting graph neural networks", 2023,
//! doi:10.48550/arXiv.2308.02509, data CC BY-SA 4.0; from VerSe, CT Colonography and Pancreas-CT).

/// Spread of ln(distance) between patients.
pub const SIZE_SPREAD: f64 = 0.057;

/// Share of spines with a sixth lumbar vertebra: 46 of 1 733.
pub const L6_SHARE: f64 = 0.0265;

/// From each level to the next one below: mm in a patient of middle size, and
/// the spread of ln(distance) within patients. C1 to L5.
#[rustfmt::skip]
pub const TO_NEXT: [(f64, f64); 24] = [
    (17.4, 0.091), // C1, 61 pairs
    (24.3, 0.051), // C2, 62 pairs
    (17.6, 0.047), // C3, 66 pairs
    (17.1, 0.056), // C4, 67 pairs
    (16.9, 0.065), // C5, 74 pairs
    (17.9, 0.070), // C6, 81 pairs
    (19.8, 0.043), // C7, 110 pairs
    (21.0, 0.044), // T1, 149 pairs
    (21.3, 0.039), // T2, 163 pairs
    (21.4, 0.031), // T3, 157 pairs
    (22.0, 0.035), // T4, 148 pairs
    (22.6, 0.034), // T5, 149 pairs
    (23.2, 0.035), // T6, 182 pairs
    (23.7, 0.038), // T7, 264 pairs
    (24.4, 0.045), // T8, 534 pairs
    (25.8, 0.049), // T9, 1016 pairs
    (27.9, 0.044), // T10, 1501 pairs
    (30.4, 0.046), // T11, 1757 pairs
    (33.1, 0.041), // T12, 1848 pairs
    (35.4, 0.036), // L1, 1884 pairs
    (36.9, 0.042), // L2, 1849 pairs
    (37.6, 0.040), // L3, 1806 pairs
    (37.5, 0.050), // L4, 1733 pairs
    (37.3, 0.040), // L5, 46 pairs
];
