//! `export`: a segmented case for other programs.

use engine::io;
use engine::surface::{self, MeshSettings};
use serde_json::json;

use crate::cli::{ExportArguments, ExportFormat};
use crate::failure::{Blame, Failure};
use crate::report::Output;

/// Runs the command.
pub fn run(options: &ExportArguments) -> Result<Output, Failure> {
    let labels = super::read_case_labels(&options.case, "export")?;
    std::fs::create_dir_all(&options.out).bad_input()?;
    let mut files = Vec::new();
    match options.format {
        ExportFormat::Nifti => {
            let file = options.out.join("labels.nii.gz");
            io::nifti::write_labels(&file, &labels).internal()?;
            files.push(file);
        }
        ExportFormat::Stl => {
            let levels = engine::level::present(&labels.labels);
            let numbers: Vec<u8> = levels.iter().map(|level| level.number()).collect();
            for (level, mesh) in levels.iter().zip(surface::from_masks(&labels, &numbers, &MeshSettings::default())) {
                let file = options.out.join(format!("{level}.stl"));
                io::stl::write(&file, &mesh).internal()?;
                files.push(file);
            }
        }
    }
    let files: Vec<String> = files.iter().map(|f| f.display().to_string()).collect();
    if files.is_empty() {
        return Err(Failure::BadInput(anyhow::anyhow!("{} holds no labelled voxel", options.case.display())));
    }
    Ok(Output { json: json!({ "files": files }), text: files.join("\n"), is_refused: false })
}
