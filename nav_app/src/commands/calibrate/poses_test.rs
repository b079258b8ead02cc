//! Files as users bring them, and as they should not.

use super::*;

fn options() -> PoseOptions {
    PoseOptions { tool: "StylusToTracker".into(), reference: None, seconds: Some(1.0), unit: LengthUnit::Mm }
}

fn file(name: &str, content: &str) -> String {
    let path = std::env::temp_dir().join(format!("spinenav-{}-{name}", std::process::id()));
    std::fs::write(&path, content).unwrap();
    path.display().to_string()
}

fn read_text(name: &str, content: &str) -> Result<Poses> {
    let path = file(name, content);
    let found = read(&path, &options());
    std::fs::remove_file(path).unwrap();
    found
}

#[test]
fn all_four_forms_of_a_line_are_read() {
    let eight = read_text("8.csv", "# t,x,y,z,qx,qy,qz,qw\n0.5,1,2,3,0,0,1,0\n0.6,1,2,3,0,0,1,0\n").unwrap();
    assert_eq!(eight.times_s.as_deref(), Some([0.5, 0.6].as_slice()));
    assert!((eight.poses[0].rotation().angle() - std::f64::consts::PI).abs() < 1e-9);
    let seven = read_text("7.csv", "1 2 3 0 0 0 1\n").unwrap();
    assert!(seven.times_s.is_none() && (seven.poses[0].translation().y - 2.0).abs() < 1e-12);
    let matrix = "1 0 0 7  0 1 0 8  0 0 1 9  0 0 0 1";
    assert!((read_text("16.txt", matrix).unwrap().poses[0].translation().z - 9.0).abs() < 1e-12);
    assert_eq!(read_text("17.txt", &format!("4.5 {matrix}")).unwrap().times_s, Some(vec![4.5]));
    let json = read_text("a.json", "{\"poses\": [{\"time_s\": 2, \"matrix\": [1,0,0,7,0,1,0,8,0,0,1,9,0,0,0,1]}]}");
    assert_eq!(json.unwrap().times_s, Some(vec![2.0]));
}

#[test]
fn what_is_no_pose_is_refused_with_the_next_step() {
    let says = |name: &str, content: &str, word: &str| {
        let text = read_text(name, content).unwrap_err().to_string();
        assert!(text.contains(word), "{name}: {text}");
    };
    says("head.csv", "t,x,y,z\n1,2,3,4\n", "begin with #");
    says("few.csv", "1,2,3\n", "3 columns");
    says("quat.csv", "1,2,3,0.5,0,0,0\n", "qx qy qz qw");
    says("mixed.csv", "1,2,3,0,0,0,1\n1,2,3\n", "line 2");
    says("nan.csv", "1,2,nan,0,0,0,1\n", "finite");
    says("scaled.txt", "2 0 0 7  0 2 0 8  0 0 2 9  0 0 0 1", "not rigid");
    says("empty.csv", "# nothing\n", "no numbers");
    says("bad.json", "{\"poses\": [{\"matrix\": [1]}]}", "16 numbers");
    says("key.json", "{\"poses\": [], \"pose\": 3}", "expected");
    let gone = read("no-such-file.csv", &options()).unwrap_err().to_string();
    assert!(gone.contains("does not exist") && gone.contains("igtl://"), "{gone}");
}
