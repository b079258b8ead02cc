//! Plans decide what a network sees: what is not understood must be refused.

use kernels::graph::Activation;
use serde_json::{Value, json};

use super::{Architecture, Block, Dataset, Norm, Plans};

fn plans() -> Value {
    json!({
        "dataset_name": "Dataset001_Spine", "plans_name": "nnUNetPlans", "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [1, 2, 0], "transpose_backward": [2, 0, 1],
        "foreground_intensity_properties_per_channel":
            { "0": { "mean": 50.0, "std": 200.0, "percentile_00_5": -900.0, "percentile_99_5": 1000.0 } },
        "configurations": {
            "3d_lowres": {
                "preprocessor_name": "DefaultPreprocessor", "patch_size": [32, 64, 64], "spacing": [3.0, 1.5, 1.5],
                "normalization_schemes": ["CTNormalization"], "use_mask_for_norm": [false],
                "resampling_fn_data": "resample_data_or_seg_to_shape",
                "resampling_fn_data_kwargs": { "is_seg": false, "order": 3, "order_z": 0, "force_separate_z": null },
                "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
                "resampling_fn_probabilities_kwargs": { "is_seg": false, "order": 1, "order_z": 0, "force_separate_z": null },
                "architecture": {
                    "network_class_name": "dynamic_network_architectures.architectures.unet.ResidualEncoderUNet",
                    "arch_kwargs": {
                        "n_stages": 3, "features_per_stage": [8, 16, 24],
                        "conv_op": "torch.nn.modules.conv.Conv3d", "kernel_sizes": [[1, 3, 3], 3, [3, 3, 3]],
                        "strides": [1, [1, 2, 2], [2, 2, 2]], "n_blocks_per_stage": [1, 2, 2],
                        "n_conv_per_stage_decoder": 1, "conv_bias": true,
                        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
                        "norm_op_kwargs": { "eps": 1e-5, "affine": true }, "dropout_op": null, "dropout_op_kwargs": null,
                        "nonlin": "torch.nn.LeakyReLU", "nonlin_kwargs": { "inplace": true }
                    },
                    "_kw_requires_import": ["conv_op"]
                }
            },
            "3d_fullres": { "inherits_from": "3d_lowres", "spacing": [2.0, 0.8, 0.8] },
            "3d_cascade_fullres": { "inherits_from": "3d_fullres", "previous_stage": "3d_lowres" }
        }
    })
}

fn read(plans: Value) -> Plans {
    serde_json::from_value(plans).unwrap()
}

/// What `3d_lowres` says after `pointer` in it was set to `value`.
fn refusal(pointer: &str, value: Value) -> String {
    let mut plans = plans();
    let lowres = &mut plans["configurations"]["3d_lowres"];
    if let Some(place) = lowres.pointer_mut(pointer) {
        *place = value;
    } else {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        lowres.pointer_mut(parent).unwrap()[key] = value;
    }
    read(plans).configuration("3d_lowres").err().unwrap_or_else(|| "accepted".into())
}

#[test]
fn a_configuration_has_what_it_inherits() {
    let configuration = read(plans()).configuration("3d_fullres").unwrap();
    assert_eq!(configuration.spacing_mm, [Some(2.0), Some(0.8), Some(0.8)]);
    assert_eq!(configuration.patch, [32, 64, 64]);
    let Architecture { block, kernels, strides, decoder_depth, norm, activation, stem, .. } =
        configuration.architecture;
    assert_eq!((block, norm), (Block::Residual, Norm::Instance { eps: 1e-5 }));
    assert_eq!((kernels[0], kernels[1], strides[0]), ([1, 3, 3], [3; 3], [1; 3]));
    assert_eq!((decoder_depth, activation, stem), (vec![1, 1], Activation::LeakyRelu { slope: 0.01 }, 8));
}

#[test]
fn plans_of_the_first_generation_describe_the_same_network() {
    let mut plans = plans();
    let lowres = &mut plans["configurations"]["3d_lowres"];
    lowres.as_object_mut().unwrap().remove("architecture");
    lowres.as_object_mut().unwrap().extend(
        json!({
            "UNet_class_name": "PlainConvUNet", "UNet_base_num_features": 32, "unet_max_num_features": 100,
            "n_conv_per_stage_encoder": [2, 2, 2], "n_conv_per_stage_decoder": [2, 2],
            "num_pool_per_axis": [2, 2, 2], "pool_op_kernel_sizes": [[1, 1, 1], [2, 2, 2], [1, 2, 2]],
            "conv_kernel_sizes": [[1, 3, 3], [3, 3, 3], [3, 3, 3]]
        })
        .as_object()
        .unwrap()
        .clone(),
    );
    let architecture = read(plans).configuration("3d_fullres").unwrap().architecture;
    assert_eq!((architecture.block, architecture.features.clone()), (Block::Plain, vec![32, 64, 100]));
    assert_eq!(architecture.divisor(), [2, 4, 4]);
    assert!(architecture.bias);
}

#[test]
fn what_would_change_the_result_is_refused_by_name() {
    let cascade = read(plans()).configuration("3d_cascade_fullres").unwrap_err();
    assert!(cascade.contains("cascade") && cascade.contains("3d_lowres"), "{cascade}");
    assert!(read(plans()).configuration("2d").unwrap_err().contains("3d_fullres"));
    let kwargs = "/architecture/arch_kwargs";
    for (pointer, value, named) in [
        ("/architecture/network_class_name", json!("a.b.PrimusM"), "PrimusM"),
        (&*format!("{kwargs}/norm_op"), json!("torch.nn.modules.normalization.GroupNorm"), "GroupNorm"),
        (&*format!("{kwargs}/norm_op_kwargs"), json!({ "eps": 1e-5 }), "affine"),
        (&*format!("{kwargs}/nonlin"), json!("torch.nn.GELU"), "GELU"),
        (&*format!("{kwargs}/block"), json!("x.BottleneckD"), "BasicBlockD"),
        (&*format!("{kwargs}/squeeze_excitation"), json!(true), "squeeze_excitation"),
        (&*format!("{kwargs}/nonlin_first"), json!(true), "nonlin_first"),
        (&*format!("{kwargs}/n_stages"), json!(4), "n_stages is 4"),
        (&*format!("{kwargs}/n_stages"), json!(u64::MAX), "n_stages"),
        (&*format!("{kwargs}/features_per_stage"), json!([8, 0, 24]), "channels"),
        (&*format!("{kwargs}/kernel_sizes"), json!([2, 3, 3]), "odd kernels"),
        (&*format!("{kwargs}/strides"), json!([[1, 1], 2, 2]), "3 axes"),
        ("/patch_size", json!([32, 64, 66]), "[2, 4, 4]"),
        ("/patch_size", json!([0, 64, 64]), "patch_size"),
        ("/spacing", json!([1.0, 0.0, 1.0]), "spacing"),
        ("/preprocessor_name", json!("CTPreprocessor"), "CTPreprocessor"),
        ("/resampling_fn_data", json!("resample_torch_fornnunet"), "resample_torch_fornnunet"),
        ("/resampling_fn_probabilities_kwargs/order", json!(3), "order 3"),
    ] {
        let found = refusal(pointer, value);
        assert!(found.contains(named), "{pointer}: {found}");
    }
}

#[test]
fn circles_and_false_transpositions_are_refused() {
    let mut circular = plans();
    circular["configurations"]["3d_lowres"]["inherits_from"] = json!("3d_fullres");
    assert!(read(circular).configuration("3d_fullres").unwrap_err().contains("circle"));
    let mut twisted = plans();
    twisted["transpose_backward"] = json!([1, 2, 0]);
    assert!(read(twisted).check().is_err());
    assert!(read(plans()).check().is_ok());
    let mut reader = plans();
    reader["image_reader_writer"] = json!("NaturalImage2DIO");
    assert!(read(reader).turns_to_ras().is_err());
}

#[test]
fn labels_must_be_plain_numbers_without_gaps() {
    let labels = |labels: Value| {
        let dataset: Dataset =
            serde_json::from_value(json!({ "channel_names": { "0": "CT" }, "labels": labels })).unwrap();
        dataset.labels().map(|labels| labels.into_iter().map(|l| l.name).collect::<Vec<_>>())
    };
    let sound = labels(json!({ "bone": 1, "background": 0, "disc": [2], "ignore": 3 })).unwrap();
    assert_eq!(sound, ["background", "bone", "disc"]);
    assert!(
        labels(json!({ "background": 0, "whole": [1, 2], "core": [2] })).unwrap_err().contains("`whole` is a region")
    );
    assert!(labels(json!({ "background": 0, "bone": 2 })).unwrap_err().contains("gaps"));
    assert!(labels(json!({ "background": 0, "bone": 300 })).unwrap_err().contains("300"));
    let two: Dataset = serde_json::from_value(json!({ "modality": { "0": "T1", "1": "T2" }, "labels": {} })).unwrap();
    assert!(two.channel().unwrap_err().contains("2 images"));
}
