//! `export`: a segmented case for other programs.

use std::path::{Path, PathBuf};

use engine::export::decimate::{Budget, decimate, deviation_mm};
use engine::export::hollow::Walls;
use engine::export::printable::{PrintSettings, Solid, printable};
use engine::export::{Part, colour, dicom_seg, gltf, nrrd, obj, slicer};
use engine::io;
use engine::level::present;
use engine::measure::{Corrections, Posture, Side, measure};
use engine::surface::{self, Mesh, MeshSettings};
use engine::volume::LabelMap;
use geom::nalgebra::{Matrix4, Vector3};
use serde_json::{Value, json};

use crate::cli::{ExportArguments, ExportFormat};
use crate::failure::{Blame, Failure};
use crate::report::Output;

/// Runs the command.
pub fn run(options: &ExportArguments) -> Result<Output, Failure> {
    if options.printable && !options.format.is_mesh() {
        let what = "--printable makes a surface; give --format stl, ply, obj or gltf";
        return Err(Failure::WrongUse(anyhow::anyhow!(what)));
    }
    if !(options.scale.is_finite() && options.scale > 0.0 && options.scale <= 1000.0) {
        let scale = options.scale;
        return Err(Failure::WrongUse(anyhow::anyhow!("--scale {scale} is not above 0 and at most 1000")));
    }
    let labels = super::read_case_labels(&options.case, "export")?;
    std::fs::create_dir_all(&options.out).bad_input()?;
    let mut notes = Vec::new();
    let files = match options.format {
        ExportFormat::Nifti => one(options.out.join("labels.nii.gz"), |f| io::nifti::write_labels(f, &labels))?,
        ExportFormat::Nrrd => one(options.out.join("labels.seg.nrrd"), |f| nrrd::write_segmentation(f, &labels))?,
        ExportFormat::DicomSeg => {
            let file = options.out.join("labels.dcm");
            dicom_seg::write(&file, &labels, crate::calendar::seconds_since_1970()).bad_input()?;
            vec![file]
        }
        ExportFormat::Markups => markups(options, labels)?,
        ExportFormat::Tfm => transform(options)?,
        mesh_format => {
            let parts = parts(options, &labels, &mut notes)?;
            write_meshes(options, mesh_format, &parts)?
        }
    };
    let files: Vec<String> = files.iter().map(|f| f.display().to_string()).collect();
    if files.is_empty() {
        return Err(Failure::BadInput(anyhow::anyhow!("{} holds no labelled voxel", options.case.display())));
    }
    let lines: Vec<String> = notes.iter().map(|n: &Note| n.text.clone()).chain(files.iter().cloned()).collect();
    let surfaces: Vec<Value> = notes.into_iter().map(|n| n.json).collect();
    Ok(Output { json: json!({ "files": files, "surfaces": surfaces }), text: lines.join("\n"), is_refused: false })
}

fn one(file: PathBuf, write: impl FnOnce(&Path) -> Result<(), io::WriteError>) -> Result<Vec<PathBuf>, Failure> {
    write(&file).internal()?;
    Ok(vec![file])
}

/// What was done to a surface.
struct Note {
    text: String,
    json: Value,
}

/// The surfaces to write: one a level, or one solid for printing.
fn parts(options: &ExportArguments, labels: &LabelMap, notes: &mut Vec<Note>) -> Result<Vec<Part>, Failure> {
    let mut parts = if options.printable {
        let walls = options.hollow_mm.map(|wall_mm| Walls { wall_mm, hole_mm: options.hole_mm });
        let settings = PrintSettings { strut_mm: options.strut_mm, walls, ..PrintSettings::default() };
        let solid = printable(labels, |_| true, &settings).bad_input()?;
        notes.push(solid_note(&solid));
        vec![Part { name: "spine".into(), colour: [230, 220, 200], mesh: solid.mesh }]
    } else {
        let levels = present(&labels.labels);
        let numbers: Vec<u8> = levels.iter().map(|level| level.number()).collect();
        let meshes = surface::from_masks(labels, &numbers, &MeshSettings::default());
        let part = |(level, mesh): (&engine::level::Level, Mesh)| Part {
            name: level.to_string(),
            colour: colour(*level),
            mesh,
        };
        levels.iter().zip(meshes).map(part).collect()
    };
    if let Some(triangles) = options.triangles {
        for part in &mut parts {
            notes.push(decimate_part(part, &Budget { triangles, error_mm: options.max_error_mm }));
        }
        // A collapse keeps a surface closed; a solid for printing is checked all the same.
        if let ([part], true) = (&parts[..], options.printable) {
            engine::export::printable::check(&part.mesh).internal()?;
        }
    }
    for vertex in parts.iter_mut().flat_map(|p| &mut p.mesh.vertices) {
        *vertex = vertex.map(|c| (f64::from(c) * options.scale) as f32);
    }
    Ok(parts)
}

fn solid_note(solid: &Solid) -> Note {
    let mut text =
        format!("one watertight, manifold solid of {} triangles, {} struts", solid.mesh.triangles.len(), solid.struts);
    let mut json = json!({ "name": "spine", "struts": solid.struts, "is_watertight": true });
    if let Some(taken) = solid.hollowing {
        let cm3 = |mm3: f64| mm3 / 1000.0;
        text += &format!(
            "\nhollow: {} cavities, {} holes, {:.1} of {:.1} cm3 left",
            taken.cavities,
            taken.holes,
            cm3(taken.left_mm3),
            cm3(taken.solid_mm3)
        );
        json["hollow"] = json!({
            "cavities": taken.cavities, "holes": taken.holes,
            "solid_mm3": taken.solid_mm3, "left_mm3": taken.left_mm3,
        });
    }
    Note { text, json }
}

fn decimate_part(part: &mut Part, budget: &Budget) -> Note {
    let before = part.mesh.triangles.len();
    let (small, _) = decimate(&part.mesh, budget);
    let (most, mean) = deviation_mm(&part.mesh, &small).unwrap_or((0.0, 0.0));
    let after = small.triangles.len();
    part.mesh = small;
    let text = format!("{}: {before} to {after} triangles, at most {most:.2} mm off, mean {mean:.3} mm", part.name);
    Note {
        text,
        json: json!({ "name": part.name, "triangles": after, "triangles_before": before, "deviation_max_mm": most, "deviation_mean_mm": mean }),
    }
}

fn write_meshes(options: &ExportArguments, format: ExportFormat, parts: &[Part]) -> Result<Vec<PathBuf>, Failure> {
    let out = &options.out;
    match format {
        ExportFormat::Obj => {
            let file = out.join("spine.obj");
            obj::write(&file, parts).internal()?;
            Ok(vec![file.with_extension("mtl"), file])
        }
        ExportFormat::Gltf => one(out.join("spine.glb"), |f| gltf::write(f, parts)),
        other => {
            let mut files = Vec::new();
            for part in parts {
                let is_ply = other == ExportFormat::Ply;
                let file = out.join(format!("{}.{}", part.name, if is_ply { "ply" } else { "stl" }));
                if is_ply {
                    io::ply::write(&file, &part.mesh, &vec![part.colour; part.mesh.vertices.len()]).internal()?;
                } else {
                    io::stl::write(&file, &part.mesh).internal()?;
                }
                files.push(file);
            }
            Ok(files)
        }
    }
}

/// Every landmark of the measures, and each trajectory as a line.
fn markups(options: &ExportArguments, mut labels: LabelMap) -> Result<Vec<PathBuf>, Failure> {
    let (spine, _) = measure(&mut labels, &Corrections::default(), Posture::Supine).bad_input()?;
    let mut points: Vec<(String, Vector3<f64>)> = Vec::new();
    for vertebra in &spine.vertebrae {
        points.push((format!("{}-centre", vertebra.level), vertebra.centre));
        for (side, name) in [(Side::Superior, "superior"), (Side::Inferior, "inferior")] {
            if let Ok(plate) = spine.endplate(vertebra.level, side) {
                points.push((format!("{}-{name}-anterior", vertebra.level), plate.anterior));
                points.push((format!("{}-{name}-posterior", vertebra.level), plate.posterior));
            }
        }
    }
    if let Ok(sacrum) = &spine.sacrum {
        points.push(("sacral-plate-anterior".into(), sacrum.plate.anterior));
        points.push(("sacral-plate-posterior".into(), sacrum.plate.posterior));
    }
    for (head, name) in spine.heads.iter().zip(["femoral-head-left", "femoral-head-right"]) {
        points.extend(head.as_ref().ok().map(|h| (name.to_owned(), h.centre)));
    }
    let mut files =
        one(options.out.join("landmarks.mrk.json"), |f| slicer::write_markups(f, slicer::Shape::Fiducial, &points))?;
    if let Some(path) = &options.trajectories {
        let rows = io::numbers::read_rows::<6>(path, "entry x y z, target x y z").bad_input()?;
        for (number, [a, b, c, d, e, f]) in (1..).zip(rows) {
            let ends = [("entry".to_owned(), Vector3::new(a, b, c)), ("target".to_owned(), Vector3::new(d, e, f))];
            let file = options.out.join(format!("trajectory-{number}.mrk.json"));
            files.extend(one(file, |file| slicer::write_markups(file, slicer::Shape::Line, &ends))?);
        }
    }
    Ok(files)
}

fn transform(options: &ExportArguments) -> Result<Vec<PathBuf>, Failure> {
    let path = options.transform.as_ref().ok_or_else(|| {
        Failure::WrongUse(anyhow::anyhow!("--format tfm needs --transform FILE with 16 numbers, row by row"))
    })?;
    let numbers = io::numbers::read_matrix(path).bad_input()?;
    let name = path.file_stem().map_or_else(|| "transform".into(), |n| n.to_string_lossy().into_owned());
    let file = options.out.join(format!("{name}.tfm"));
    slicer::write_transform(&file, &Matrix4::from_row_slice(&numbers)).bad_input()?;
    Ok(vec![file])
}
