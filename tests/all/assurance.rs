//! Requirements, hazards and parts by others: the lists in `tests/assurance`
//! must stay true.

use std::collections::BTreeMap;
use std::path::Path;

use crate::architecture::metadata;

/// One `[[table]]` of a list: its keys, each with one or several strings.
type Entry = BTreeMap<String, Vec<String>>;

/// Reads the little of TOML that the lists use: tables in arrays, strings and
/// lists of strings.
fn entries(name: &str) -> Vec<Entry> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assurance").join(name);
    let mut entries: Vec<Entry> = Vec::new();
    let mut list: Option<String> = None;
    for (number, line) in std::fs::read_to_string(&path).unwrap().lines().enumerate() {
        let line = line.trim();
        let strings = || line.split('"').skip(1).step_by(2).map(str::to_owned);
        if line.is_empty() || line.starts_with('#') {
            continue;
        } else if line.starts_with("[[") {
            entries.push(Entry::new());
        } else if let Some(key) = &list {
            entries.last_mut().unwrap().entry(key.clone()).or_default().extend(strings());
            if line.ends_with(']') {
                list = None;
            }
        } else if let Some((key, value)) = line.split_once(" = ") {
            let known = entries.last_mut().unwrap().insert(key.to_owned(), strings().collect());
            assert!(known.is_none(), "{name}:{}: {key} stands twice", number + 1);
            if value == "[" {
                list = Some(key.to_owned());
            }
        } else {
            panic!("{name}:{}: cannot be read: {line}", number + 1);
        }
    }
    assert!(entries.len() > 5, "{name} holds {} entries", entries.len());
    entries
}

fn one<'a>(entry: &'a Entry, key: &str) -> &'a str {
    let values = entry.get(key).map_or(&[][..], Vec::as_slice);
    assert!(values.len() == 1 && values[0].len() > 1, "{entry:?} needs one {key}");
    &values[0]
}

#[test]
fn every_requirement_names_tests_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let requirements = entries("requirements.toml");
    for requirement in &requirements {
        let id = one(requirement, "id");
        assert!(!one(requirement, "text").is_empty());
        let tests = requirement.get("tests").map_or(&[][..], Vec::as_slice);
        assert!(!tests.is_empty(), "{id} names no test");
        for test in tests {
            let (file, function) = test.split_once("::").unwrap();
            let text = std::fs::read_to_string(root.join(file)).unwrap_or_default();
            let declared = format!("fn {function}(");
            let at = text.find(&declared).unwrap_or_else(|| panic!("{id}: {test} is gone"));
            assert!(text[..at].trim_end().ends_with("#[test]"), "{id}: {test} is no test");
        }
    }
}

#[test]
fn every_hazard_has_a_control_that_is_a_requirement_and_says_what_is_left() {
    let requirements = entries("requirements.toml");
    let known: Vec<&str> = requirements.iter().map(|r| one(r, "id")).collect();
    let hazards = entries("hazards.toml");
    for hazard in &hazards {
        let id = one(hazard, "id");
        assert!(one(hazard, "left").len() > 20 && one(hazard, "text").len() > 20, "{id} says too little");
        let controls = hazard.get("controls").map_or(&[][..], Vec::as_slice);
        assert!(!controls.is_empty(), "{id} has no control");
        assert!(controls.iter().all(|c| known.contains(&c.as_str())), "{id}: {controls:?}");
    }
    for id in known {
        let used = hazards.iter().any(|h| h["controls"].iter().any(|c| c == id));
        assert!(used, "{id} stands against no hazard: is one missing?");
    }
}

#[test]
fn every_part_by_others_is_listed_with_what_guards_it() {
    let listed = entries("third_party.toml");
    let names: Vec<&str> = listed.iter().map(|part| one(part, "name")).collect();
    assert!(listed.iter().all(|part| !one(part, "use").is_empty() && !one(part, "guard").is_empty()));
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let own: Vec<&str> = packages.iter().map(|p| p["name"].as_str().unwrap()).collect();
    let used = packages.iter().flat_map(|p| p["dependencies"].as_array().unwrap());
    let mut used: Vec<&str> = used.map(|d| d["name"].as_str().unwrap()).filter(|n| !own.contains(n)).collect();
    used.sort_unstable();
    used.dedup();
    let missing: Vec<_> = used.iter().filter(|name| !names.contains(name)).collect();
    let gone: Vec<_> = names.iter().filter(|name| !used.contains(name)).collect();
    assert!(missing.is_empty() && gone.is_empty(), "not listed: {missing:?}; listed but not used: {gone:?}");
}
