//! Landmarks and transforms as 3D Slicer reads them.

use std::path::Path;

use geom::nalgebra::{Matrix4, Vector3};
use serde_json::{Value, json};

use crate::io::{WriteError, write_whole};

/// What the points of a markup are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Separate points.
    Fiducial,
    /// Entry and target of a trajectory.
    Line,
}

/// Writes points with their labels as markups (.mrk.json), LPS mm.
///
/// # Errors
/// [`WriteError`] when the system refuses.
pub fn write_markups(path: &Path, shape: Shape, points: &[(String, Vector3<f64>)]) -> Result<(), WriteError> {
    write_whole(path, format!("{:#}\n", markups(shape, points)).as_bytes())
}

fn markups(shape: Shape, points: &[(String, Vector3<f64>)]) -> Value {
    let point = |(number, (label, at)): (usize, &(String, Vector3<f64>))| {
        json!({
            "id": (number + 1).to_string(),
            "label": label,
            "position": [at.x, at.y, at.z],
            "orientation": [-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0],
            "selected": true,
            "locked": false,
            "visibility": true,
            "positionStatus": "defined",
        })
    };
    json!({
        "@schema": "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/markups-schema-v1.0.3.json#",
        "markups": [{
            "type": if shape == Shape::Fiducial { "Fiducial" } else { "Line" },
            "coordinateSystem": "LPS",
            "coordinateUnits": "mm",
            "locked": false,
            "fixedNumberOfControlPoints": false,
            "labelFormat": "%N-%d",
            "controlPoints": points.iter().enumerate().map(point).collect::<Vec<_>>(),
        }],
    })
}

/// Writes a transform as ITK text (.tfm), LPS mm.
///
/// * `to_from` - what Slicer shall show as "transform to parent". ITK files
///   hold the way back (from parent), so the inverse is written.
///
/// # Errors
/// [`WriteError`] when the system refuses or the matrix has no inverse.
pub fn write_transform(path: &Path, to_from: &Matrix4<f64>) -> Result<(), WriteError> {
    let text = transform(to_from).ok_or_else(|| WriteError {
        path: path.to_owned(),
        doing: "invert the transform",
        source: std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
            "the matrix is not that of a rigid or affine map",
        ),
    })?;
    write_whole(path, text.as_bytes())
}

fn transform(to_from: &Matrix4<f64>) -> Option<String> {
    let last = to_from.row(3);
    let is_affine =
        to_from.iter().all(|v| v.is_finite()) && last[0] == 0.0 && last[1] == 0.0 && last[2] == 0.0 && last[3] == 1.0;
    let inverse = is_affine.then(|| to_from.try_inverse()).flatten()?;
    let mut numbers = Vec::new();
    for row in 0..3 {
        (0..3).for_each(|column| numbers.push(inverse[(row, column)].to_string()));
    }
    (0..3).for_each(|row| numbers.push(inverse[(row, 3)].to_string()));
    Some(format!(
        "#Insight Transform File V1.0\n#Transform 0\nTransform: AffineTransform_double_3_3\nParameters: {}\nFixedParameters: 0 0 0\n",
        numbers.join(" ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transform_file_holds_the_way_back() {
        let mut shift = Matrix4::identity();
        shift[(0, 3)] = 5.0;
        let text = transform(&shift).unwrap();
        assert!(text.contains("Parameters: 1 0 0 0 1 0 0 0 1 -5"), "{text}");
        assert!(transform(&Matrix4::zeros()).is_none());
    }

    #[test]
    fn markups_are_in_lps_and_named() {
        let value = markups(Shape::Fiducial, &[("L1".into(), Vector3::new(1.0, 2.0, 3.0))]);
        assert_eq!(value["markups"][0]["coordinateSystem"], "LPS");
        assert_eq!(value["markups"][0]["controlPoints"][0]["position"], json!([1.0, 2.0, 3.0]));
    }
}
