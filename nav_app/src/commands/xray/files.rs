//! What `xray --out` writes.

use std::path::Path;

use engine::export::obj;
use engine::io::stl;
use engine::surface::Mesh;
use engine::xray::{Findings, Pair, parts};
use serde_json::{Value, json};

use super::{overlay, solid};
use crate::failure::{Blame, Failure};

/// Pictures, surfaces and numbers; returns the files' names and puts them into `json`.
pub fn write(folder: &Path, pair: &Pair, findings: &Findings, json: &mut Value) -> Result<Vec<String>, Failure> {
    std::fs::create_dir_all(folder).bad_input()?;
    let names = [
        "frontal.svg",
        "lateral.svg",
        "spine.png",
        "spine.stl",
        "spine.obj",
        "spine.mtl",
        "vertebrae.json",
        "measures.json",
    ];
    let [frontal, lateral, picture, surface, object, materials, vertebrae, measures] = names.map(|n| folder.join(n));
    std::fs::write(&frontal, overlay::svg(&pair.frontal, findings)?).internal()?;
    std::fs::write(&lateral, overlay::svg(&pair.lateral, findings)?).internal()?;
    std::fs::write(&picture, solid::png(findings).internal()?).internal()?;
    let parts = parts(findings);
    let mut whole = Mesh::default();
    parts.iter().for_each(|part| whole.append(&part.mesh));
    stl::write(&surface, &whole).internal()?;
    obj::write(&object, &parts).internal()?;
    let only =
        json!({ "vertebrae": json["vertebrae"], "femoral_heads": json["femoral_heads"], "geometry": json["geometry"] });
    std::fs::write(&vertebrae, format!("{only:#}\n")).internal()?;
    let all = [frontal, lateral, picture, surface, object, materials, vertebrae, measures.clone()];
    let files: Vec<String> = all.iter().map(|f| f.display().to_string()).collect();
    json["files"] = json!(files);
    std::fs::write(&measures, format!("{json:#}\n")).internal()?;
    Ok(files)
}
