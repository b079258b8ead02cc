//! The networks by name, for command lines, benchmarks and tests.

use super::{CompactUnet, Dense3dUnet, LocalisationUnet, MafuUnet, Nnunet, ResidualUnet, Unet2d, Xunet3d, Yolov5s};
use crate::graph::{Graph, NetworkError};

/// A network of the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Its name, such as `compact_unet`.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// The publication.
    pub source: &'static str,
    /// An input it is used with, `[channels, z, y, x]`.
    pub input: [usize; 4],
    build: fn() -> Result<Graph, NetworkError>,
}

impl Entry {
    /// The network with its default settings.
    ///
    /// # Errors
    /// None in practice: the defaults make networks.
    pub fn graph(&self) -> Result<Graph, NetworkError> {
        (self.build)()
    }
}

const CATALOGUE: [Entry; 10] = [
    Entry {
        name: "dense_3d_unet",
        description: "system A: spine on CT, dense blocks, one logit",
        source: "thesis on spine navigation with VerSe; dense blocks: arXiv:1608.06993",
        input: [1, 128, 128, 128],
        build: || Dense3dUnet::default().graph(),
    },
    Entry {
        name: "nnunet_plain",
        description: "system B, stage 1: spine on MRI or CT, nnU-Net 3d_fullres",
        source: "DOI 10.1038/s41592-020-01008-z",
        input: [1, 96, 96, 96],
        build: || Nnunet::default().graph(),
    },
    Entry {
        name: "nnunet_residual",
        description: "system B, stage 1: spine on MRI or CT, nnU-Net with residual encoder M or L",
        source: "arXiv:2404.09556",
        input: [1, 96, 96, 96],
        build: || Nnunet::residual().graph(),
    },
    Entry {
        name: "mafu_unet",
        description: "system B, stage 2: vertebra above, centre and below in a window",
        source: "two-stage instance segmentation by local window iteration (SPIDER, CSI2014)",
        input: [1, 96, 96, 96],
        build: || MafuUnet::default().graph(),
    },
    Entry {
        name: "residual_unet",
        description: "system C: spine, pelvis and femoral heads on weight-bearing cone-beam CT",
        source: "J Vis Exp, article 67781",
        input: [1, 16, 256, 256],
        build: || ResidualUnet::default().graph(),
    },
    Entry {
        name: "localisation_unet",
        description: "system D, stage 1: heat map of the lumbar spine",
        source: "J Appl Clin Med Phys 2023, 24(6):e13996",
        input: [1, 128, 64, 64],
        build: || LocalisationUnet::default().graph(),
    },
    Entry {
        name: "xunet_3d",
        description: "system D, stage 2: L1 to L5, XUNet-style",
        source: "J Appl Clin Med Phys 2023, 24(6):e13996",
        input: [1, 96, 96, 96],
        build: || Xunet3d::default().graph(),
    },
    Entry {
        name: "unet_2d",
        description: "system E, stage 2: contour of a vertebra in a radiograph",
        source: "DOI 10.1007/978-3-319-24574-4_28",
        input: [1, 1, 256, 256],
        build: || Unet2d::default().graph(),
    },
    Entry {
        name: "yolov5s",
        description: "system E, stage 1: boxes of C2, femoral heads and vertebrae in radiographs",
        source: "DOI 10.5281/zenodo.3908559",
        input: [3, 1, 640, 288],
        build: || Yolov5s::default().graph(),
    },
    Entry {
        name: "compact_unet",
        description: "SpineNav: vertebrae on CT, small and fast",
        source: "DOI 10.1007/978-3-319-46723-8_49, DOI 10.1038/s41592-020-01008-z",
        input: [1, 64, 64, 64],
        build: || CompactUnet::default().graph(),
    },
];

/// All networks.
#[must_use]
pub fn list() -> &'static [Entry] {
    &CATALOGUE
}

/// A network by its name.
///
/// ```
/// let entry = kernels::architectures::by_name("xunet_3d");
/// assert_eq!(entry.map(|e| e.input), Some([1, 96, 96, 96]));
/// assert!(kernels::architectures::by_name("gpt").is_none());
/// ```
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Entry> {
    list().iter().find(|entry| entry.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;

    /// Parameters without running statistics, from the PyTorch definitions
    /// (heads of deep supervision not counted).
    const PARAMETERS: [u64; 10] = [
        2_055_711,
        31_194_050,
        102_348_226,
        6_852_100,
        5_688_676,
        1_401_265,
        3_534_838,
        31_036_481,
        7_027_720,
        1_401_299,
    ];

    #[test]
    fn every_network_has_its_parameters_and_reads_back_from_json() {
        for (entry, parameters) in list().iter().zip(PARAMETERS) {
            let graph = entry.graph().unwrap();
            assert_eq!(graph.parameters(), parameters, "{}", entry.name);
            let text = serde_json::to_string(&graph).unwrap();
            assert_eq!(serde_json::from_str::<Graph>(&text).unwrap(), graph, "{}", entry.name);
            assert_eq!(by_name(entry.name).unwrap().name, entry.name);
        }
    }

    #[test]
    fn settings_that_make_no_network_are_refused() {
        let huge = usize::MAX;
        let graphs = [
            CompactUnet { channels: vec![], ..CompactUnet::default() }.graph(),
            CompactUnet { channels: vec![1; 9], ..CompactUnet::default() }.graph(),
            Unet2d { channels: vec![4, 0], ..Unet2d::default() }.graph(),
            MafuUnet { channels: vec![huge], ..MafuUnet::default() }.graph(),
            MafuUnet { inputs: 0, ..MafuUnet::default() }.graph(),
            ResidualUnet { channels: vec![huge, huge], ..ResidualUnet::default() }.graph(),
            LocalisationUnet { outputs: huge, ..LocalisationUnet::default() }.graph(),
            Xunet3d { channels: vec![16], ..Xunet3d::default() }.graph(),
            Yolov5s { classes: huge, inputs: 3 }.graph(),
            Dense3dUnet { layers: vec![huge], ..Dense3dUnet::default() }.graph(),
            Dense3dUnet { growth: huge, ..Dense3dUnet::default() }.graph(),
            Dense3dUnet { compression: f64::NAN, ..Dense3dUnet::default() }.graph(),
            Dense3dUnet { compression: 1e-9, ..Dense3dUnet::default() }.graph(),
            Nnunet { stages: vec![], ..Nnunet::default() }.graph(),
            Nnunet { decoder_convs: vec![2; 6], ..Nnunet::default() }.graph(),
            Nnunet { decoder_convs: vec![huge; 5], ..Nnunet::default() }.graph(),
        ];
        for (index, graph) in graphs.into_iter().enumerate() {
            assert!(graph.is_err(), "settings {index}");
        }
    }
}
