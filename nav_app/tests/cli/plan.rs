//! Planned screws on the labels that ship: suggested, checked, refused elsewhere.

use serde_json::Value;

use super::{folder, message, spinenav};

#[test]
fn a_suggested_plan_is_checked_and_belongs_to_its_labels() {
    let folder = folder("plan");
    let plan = folder.join("plan.json").display().to_string();
    let out = folder.join("pictures").display().to_string();
    let made = spinenav(&["plan", "suggest", "--levels", "T12", "--out", &plan, "--json"]);
    assert_eq!(made.status.code(), Some(0), "{}", message(&made));
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let (screws, without) = (made["screws"].as_array().unwrap().len(), made["without"].as_array().unwrap().len());
    assert_eq!(screws + without, 2, "each pedicle has a screw or a reason: {made}");
    let checked = spinenav(&["plan", "check", &plan, "--out", &out, "--json"]);
    assert_eq!(checked.status.code(), Some(0), "{}", message(&checked));
    let checked: Value = serde_json::from_slice(&checked.stdout).unwrap();
    for screw in checked["screws"].as_array().unwrap() {
        assert_eq!((screw["grade"].as_str(), screw["breach_mm"].as_f64()), (Some("A"), Some(0.0)), "{screw}");
    }
    assert!(std::path::Path::new(&out).join("plan.html").exists());
    // The plan of other bone: nothing is measured, the message says what to do.
    let text = std::fs::read_to_string(&plan).unwrap();
    let hash: Value = serde_json::from_str(&text).unwrap();
    let hash = hash["labels_sha256"].as_str().unwrap();
    std::fs::write(&plan, text.replace(hash, &"0".repeat(64))).unwrap();
    let refused = spinenav(&["plan", "check", &plan]);
    assert_eq!(refused.status.code(), Some(3));
    assert!(message(&refused).contains("other labels"), "{}", message(&refused));
}

/// A line as Slicer 5 saves one that was drawn by hand: more keys than are needed, RAS as its user may choose.
fn drawn_in_slicer(entry_lps: [f64; 3], target_lps: [f64; 3]) -> String {
    let point = |number: usize, [x, y, z]: [f64; 3]| {
        format!(
            r#"{{ "id": "{number}", "label": "L-{number}", "description": "", "associatedNodeID": "vtkMRMLScalarVolumeNode1",
                 "position": [{}, {}, {z}], "orientation": [-1.0, -0.0, -0.0, -0.0, -1.0, -0.0, 0.0, 0.0, 1.0],
                 "selected": true, "locked": false, "visibility": true, "positionStatus": "defined" }}"#,
            -x, -y
        )
    };
    format!(
        r#"{{ "@schema": "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/markups-schema-v1.0.3.json#",
             "markups": [ {{ "type": "Line", "coordinateSystem": "RAS", "coordinateUnits": "mm", "locked": false,
                             "fixedNumberOfControlPoints": false, "labelFormat": "%N-%d", "lastUsedControlPointNumber": 2,
                             "controlPoints": [ {}, {} ],
                             "measurements": [ {{ "name": "length", "enabled": true, "value": 40.0, "units": "mm", "printFormat": "%-#4.4g%s" }} ],
                             "display": {{ "visibility": true, "opacity": 1.0, "color": [0.4, 1.0, 1.0], "lineThickness": 0.2 }} }} ] }}"#,
        point(1, entry_lps),
        point(2, target_lps)
    )
}

/// Level and side, entry, diameter and length, grade, wall of a screw.
type Compared = (String, [f64; 3], [f64; 2], String, f64);

/// Screws of what a command printed.
fn screws(printed: &[u8]) -> Vec<Compared> {
    let printed: Value = serde_json::from_slice(printed).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let number = |value: &Value| value.as_f64().unwrap();
    let one = |s: &Value| {
        let entry = [0, 1, 2].map(|i| number(&s["entry_ct_mm"][i]));
        let size = [number(&s["diameter_mm"]), number(&s["length_mm"])];
        let name = format!("{} {}", text(&s["level"]), text(&s["side"]));
        (name, entry, size, text(&s["grade"]), number(&s["pedicle"]["outward_mm"]))
    };
    printed["screws"].as_array().unwrap().iter().map(one).collect()
}

#[test]
fn lines_of_slicer_come_back_as_the_screws_they_were() {
    let folder = folder("plan-lines");
    let file = |name: &str| folder.join(name).display().to_string();
    let (plan, pictures) = (file("plan.json"), file("pictures"));
    let made = spinenav(&["plan", "suggest", "--levels", "T11,T12", "--out", &plan]);
    assert_eq!(made.status.code(), Some(0), "{}", message(&made));
    let checked = spinenav(&["plan", "check", &plan, "--out", &pictures, "--json"]);
    assert_eq!(checked.status.code(), Some(0), "{}", message(&checked));
    let wanted = screws(&checked.stdout);
    assert!(!wanted.is_empty());
    let (name, entry, [diameter, _], ..) = &wanted[0];
    // The very line that `check` wrote, what `export` makes of its ends, and the same drawn by hand.
    let ours = std::path::Path::new(&pictures).join(format!("{}.mrk.json", name.replace(' ', "-")));
    let ours: Value = serde_json::from_str(&std::fs::read_to_string(ours).unwrap()).unwrap();
    let points = &ours["markups"][0]["controlPoints"];
    let end = |i: usize| [0, 1, 2].map(|k| points[i]["position"][k].as_f64().unwrap());
    assert!(end(0).iter().zip(entry).all(|(a, b)| (a - b).abs() < 1e-6));
    std::fs::write(file("by-hand.mrk.json"), drawn_in_slicer(end(0), end(1))).unwrap();
    let row: Vec<String> = [end(0), end(1)].concat().iter().map(ToString::to_string).collect();
    std::fs::write(file("rows.txt"), row.join(" ")).unwrap();
    let labels = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/lidc-idri-0001-spine-labels.nii.gz");
    let (rows, lines) = (file("rows.txt"), file("lines"));
    let exported = spinenav(&["export", labels, "--format", "markups", "--trajectories", &rows, "--out", &lines]);
    assert_eq!(exported.status.code(), Some(0), "{}", message(&exported));
    std::fs::write(file("check.mrk.json"), ours.to_string()).unwrap();
    let sources = [file("check.mrk.json"), file("by-hand.mrk.json"), format!("{lines}/trajectory-1.mrk.json")];
    let (again, diameter) = (file("again.json"), diameter.to_string());
    let mut import = vec!["plan", "import", "--diameter", &diameter, "--out", &again, "--json"];
    import.extend(sources.iter().map(String::as_str));
    let imported = spinenav(&import);
    assert_eq!(imported.status.code(), Some(0), "{}", message(&imported));
    let shown = spinenav(&["plan", "check", &again, "--out", &file("again"), "--json"]);
    assert_eq!(shown.status.code(), Some(0), "{}", message(&shown));
    for found in [screws(&imported.stdout), screws(&shown.stdout)] {
        assert_eq!(found.len(), 3);
        for screw in found {
            let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
            assert!(screw.0 == *name && screw.3 == wanted[0].3, "{screw:?} {wanted:?}");
            assert!(close(&screw.1, entry) && close(&screw.2, &wanted[0].2), "{screw:?} {wanted:?}");
            assert!((screw.4 - wanted[0].4).abs() < 1e-4, "{screw:?} {wanted:?}");
        }
    }
    let page = std::fs::read_to_string(format!("{}/plan.html", file("again"))).unwrap();
    assert_eq!(page.matches(&format!("<h2>{name}")).count(), 3);
}

#[test]
fn files_that_hold_no_trajectory_are_refused_with_the_reason() {
    let folder = folder("plan-bad-lines");
    let good = drawn_in_slicer([0.0; 3], [0.0, -40.0, 0.0]);
    let one_point = good.replacen("\"defined\"", "\"undefined\"", 1);
    for (name, text, reason) in [
        ("no-json", "entry 1 2 3".to_owned(), "is no markups file"),
        ("points", good.replace("\"Line\"", "\"Fiducial\""), "no line"),
        ("one-point", one_point, "1 placed point"),
        ("voxels", good.replace("\"RAS\"", "\"IJK\""), "coordinate system is IJK"),
        ("metres", good.replace("\"mm\", \"locked\"", "\"m\", \"locked\""), "unit is m"),
        ("flat", good.replace("[-0, -0, 0]", "[0, 0]"), "is no markups file"),
        ("cut", good[..good.len() / 2].to_owned(), "EOF"),
        // These are lines, but no screws of this case.
        ("air", drawn_in_slicer([900.0; 3], [900.0, 860.0, 900.0]), "meets no vertebra"),
        ("short", drawn_in_slicer([0.0; 3], [0.0, -4.0, 0.0]), "shorter than any screw"),
    ] {
        let path = folder.join(format!("{name}.mrk.json"));
        std::fs::write(&path, text).unwrap();
        let (path, out) = (path.display().to_string(), folder.join("plan.json"));
        let refused = spinenav(&["plan", "import", &path, "--out", &out.display().to_string()]);
        let said = message(&refused);
        assert_eq!(refused.status.code(), Some(3), "{name}: {said}");
        assert!(said.contains(reason) && said.contains(name), "{name}: {said}");
        assert!(!out.exists(), "{name}: nothing may be left");
    }
    let absent = spinenav(&["plan", "import", "/nonexistent.mrk.json", "--out", "plan.json"]);
    assert_eq!(absent.status.code(), Some(3), "{}", message(&absent));
    let wide = spinenav(&["plan", "import", "x.mrk.json", "--diameter", "55", "--out", "plan.json"]);
    assert!(wide.status.code() == Some(2) && message(&wide).contains("2 to 12"), "{}", message(&wide));
}
