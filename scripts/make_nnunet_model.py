#!/usr/bin/env python3
"""Makes the golden files of engine/tests/nnunet.rs with nnU-Net itself.

    pip install torch nnunetv2==2.8.1 dynamic_network_architectures==0.4.4 nibabel
    python scripts/make_nnunet_model.py            # writes engine/tests/nnunet_golden

Two model folders as nnU-Net v2 leaves them after training, and beside each
the label map that nnU-Net's own `nnUNetPredictor` (CPU, Gaussian weights,
half-patch steps, no mirroring) makes of a crop of the demo CT:

- `plain`: PlainConvUNet, 1.5 mm, plans of the first generation
  (`UNet_class_name`), fold_0 saved by torch's default protocol;
- `residual`: ResidualEncoderUNet, 4 x 1.2 x 1.2 mm (slices resampled apart),
  transposed axes, plans with `architecture` and `inherits_from`.

`labels.nii.gz` is what the predictor gives, which sums windows and resamples
logits in half precision; `labels_single.nii.gz` is made by the same functions of
nnU-Net with single precision in between, so that a mistake of ours shows
that would drown in the rounding.

The networks are tiny and have learnt nothing: He initialisation from a fixed
seed, norm scales drawn at random so that an exchanged channel is noticed, and
heads whose bias and scale are set such that the five classes share the crop.
"""

import argparse
import json
import pathlib
import shutil

import nibabel
import numpy as np
import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.inference.sliding_window_prediction import compute_gaussian
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

ROOT = pathlib.Path(__file__).resolve().parent.parent
CT = ROOT / "nav_app" / "assets" / "lidc-idri-0001-spine-ct.nii.gz"
# First voxel and size of the crop, x y z as stored; engine/tests/nnunet.rs cuts the same.
CROP_START = (40, 30, 150)
CROP_SIZE = (76, 84, 90)
CLASSES = ["background", "first", "second", "third", "fourth"]
RESAMPLING = {
    f"resampling_fn_{what}{suffix}": value
    for what, is_seg, order in (("data", False, 3), ("seg", True, 1), ("probabilities", False, 1))
    for suffix, value in (
        ("", "resample_data_or_seg_to_shape"),
        ("_kwargs", {"is_seg": is_seg, "order": order, "order_z": 0, "force_separate_z": None}),
    )
}


def common(name, transpose, configurations):
    backward = [transpose.index(axis) for axis in range(3)]
    return {
        "dataset_name": name,
        "plans_name": "nnUNetPlans",
        "original_median_spacing_after_transp": [1.0, 1.0, 1.0],
        "original_median_shape_after_transp": [90, 84, 76],
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": transpose,
        "transpose_backward": backward,
        "configurations": configurations,
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {
            "0": {
                "max": 2800.0,
                "mean": 92.25,
                "median": 71.0,
                "min": -980.0,
                "percentile_00_5": -930.0,
                "percentile_99_5": 1180.0,
                "std": 321.5,
            }
        },
    }


def configuration(patch, spacing):
    return {
        "data_identifier": "nnUNetPlans_3d_fullres",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": patch,
        "median_image_size_in_voxels": [60.0, 56.0, 50.0],
        "spacing": spacing,
        "normalization_schemes": ["CTNormalization"],
        "use_mask_for_norm": [False],
        **RESAMPLING,
        "batch_dice": False,
    }


def plain_plans():
    fullres = configuration([32, 40, 48], [1.5, 1.5, 1.5]) | {
        "UNet_class_name": "PlainConvUNet",
        "UNet_base_num_features": 8,
        "unet_max_num_features": 320,
        "n_conv_per_stage_encoder": [2, 2, 2],
        "n_conv_per_stage_decoder": [2, 2],
        "num_pool_per_axis": [2, 2, 2],
        "pool_op_kernel_sizes": [[1, 1, 1], [2, 2, 2], [2, 2, 2]],
        "conv_kernel_sizes": [[3, 3, 3], [3, 3, 3], [3, 3, 3]],
    }
    return common("Dataset901_Plain", [0, 1, 2], {"3d_fullres": fullres})


def residual_plans():
    lowres = configuration([20, 32, 32], [6.0, 2.4, 2.4]) | {
        "architecture": {
            "network_class_name": "dynamic_network_architectures.architectures.unet.ResidualEncoderUNet",
            "arch_kwargs": {
                "n_stages": 3,
                "features_per_stage": [8, 16, 24],
                "conv_op": "torch.nn.modules.conv.Conv3d",
                "kernel_sizes": [[1, 3, 3], [3, 3, 3], [3, 3, 3]],
                "strides": [[1, 1, 1], [1, 2, 2], [2, 2, 2]],
                "n_blocks_per_stage": [1, 2, 2],
                "n_conv_per_stage_decoder": [1, 1],
                "conv_bias": True,
                "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
                "norm_op_kwargs": {"eps": 1e-05, "affine": True},
                "dropout_op": None,
                "dropout_op_kwargs": None,
                "nonlin": "torch.nn.LeakyReLU",
                "nonlin_kwargs": {"inplace": True},
            },
            "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
        }
    }
    fullres = {"inherits_from": "3d_lowres", "patch_size": [12, 40, 48], "spacing": [4.0, 1.2, 1.2]}
    plans = common("Dataset902_Residual", [1, 2, 0], {"3d_lowres": lowres, "3d_fullres": fullres})
    plans["plans_name"] = "nnUNetResEncUNetMPlans"
    return plans


def build(plans):
    torch.manual_seed(20)
    manager = PlansManager(json.loads(json.dumps(plans)))
    configuration = manager.get_configuration("3d_fullres")
    network = nnUNetTrainer.build_network_architecture(manager, configuration, 1, len(CLASSES), True)
    for name, parameter in network.named_parameters():
        if ".norm.weight" in name:
            torch.nn.init.uniform_(parameter, 0.6, 1.4)
        elif name.endswith(".bias"):
            torch.nn.init.normal_(parameter, 0.0, 0.2)
    return network


def checkpoint(network, plans, dataset):
    """The dictionary of nnUNetTrainer.save_checkpoint, its NumPy numbers included."""
    optimizer = torch.optim.SGD(network.parameters(), 0.01, weight_decay=3e-5, momentum=0.99, nesterov=True)
    return {
        "network_weights": network.state_dict(),
        "optimizer_state": optimizer.state_dict(),
        "grad_scaler_state": None,
        "logging": logging(),
        "_best_ema": np.float64(0.5),
        "current_epoch": 1,
        "init_args": {
            "plans": plans,
            "configuration": "3d_fullres",
            "fold": 0,
            "dataset_json": dataset,
            "device": torch.device("cpu"),
        },
        "trainer_name": "nnUNetTrainer",
        "inference_allowed_mirroring_axes": (0, 1, 2),
    }


def logging():
    return {"train_losses": [np.float32(0.25)], "dice_per_class_or_region": [[np.float64(0.5)] * 4], "lrs": [0.01]}


def write(folder, plans, dataset, network):
    (folder / "fold_0").mkdir(parents=True, exist_ok=True)
    (folder / "plans.json").write_text(json.dumps(plans, indent=1) + "\n")
    (folder / "dataset.json").write_text(json.dumps(dataset, indent=1) + "\n")
    torch.save(checkpoint(network, plans, dataset), folder / "fold_0" / "checkpoint_final.pth")


def predictor(folder):
    made = nnUNetPredictor(
        tile_step_size=0.5, use_gaussian=True, use_mirroring=False, device=torch.device("cpu"), allow_tqdm=False
    )
    made.initialize_from_trained_model_folder(str(folder), use_folds=(0,))
    return made


def make(folder, plans, image, affine):
    dataset = {
        "channel_names": {"0": "CT"},
        "labels": {name: number for number, name in enumerate(CLASSES)},
        "numTraining": 0,
        "file_ending": ".nii.gz",
    }
    network = build(plans)
    head = network.decoder.seg_layers[-1]
    write(folder, plans, dataset, network)
    data = np.ascontiguousarray(image.T)[None].astype(np.float32)
    # Heads: each class zero mean and unit deviation over the crop.
    _, logits = run(folder, data)
    flat = logits.reshape(len(CLASSES), -1).double()
    mean, deviation = flat.mean(1), flat.std(1)
    with torch.no_grad():
        head.bias.copy_((head.bias - mean.float()) / deviation.float() * 2.0)
        head.weight.mul_((2.0 / deviation.float())[:, None, None, None, None])
    write(folder, plans, dataset, network)
    labels, _ = run(folder, data)
    single = run_single(folder, data)
    print(folder.name, labels.shape, "share of classes", np.bincount(labels.ravel()) / labels.size)
    print(f"half and single precision agree in {100 * (labels == single).mean():.4f} % of the voxels")
    for name, values in (("labels", labels), ("labels_single", single)):
        stored = nibabel.Nifti1Image(np.ascontiguousarray(values.T).astype(np.uint8), affine)
        nibabel.save(stored, folder / f"{name}.nii.gz")


def run(folder, data):
    """Label map [z, y, x], and the logits of the preprocessed grid."""
    made = predictor(folder)
    kept = {}
    inner = made.predict_logits_from_preprocessed_data

    def keep(x):
        kept["logits"] = inner(x)
        return kept["logits"]

    made.predict_logits_from_preprocessed_data = keep
    labels = made.predict_single_npy_array(data, {"spacing": [1.0, 1.0, 1.0]})
    return labels, kept["logits"]


def run_single(folder, data):
    """As `predict_single_npy_array`, with sums and logits in float32."""
    made = predictor(folder)
    plans, configuration = made.plans_manager, made.configuration_manager
    preprocessor = configuration.preprocessor_class(verbose=False)
    x, _, properties = preprocessor.run_case_npy(
        data, None, {"spacing": [1.0, 1.0, 1.0]}, plans, configuration, made.dataset_json
    )
    logits = sum_windows(made, torch.from_numpy(x))
    shape = properties["shape_after_cropping_and_before_resampling"]
    assert shape == tuple(data.shape[1:][axis] for axis in plans.transpose_forward), "the crop has zeros at its border"
    resample = configuration.resampling_fn_probabilities
    labels = resample(logits, shape, configuration.spacing, [1.0, 1.0, 1.0]).argmax(0)
    return labels.transpose(plans.transpose_backward)


@torch.inference_mode()
def sum_windows(made, x):
    patch = tuple(made.configuration_manager.patch_size)
    assert all(side >= size for side, size in zip(x.shape[1:], patch)), "the crop is smaller than the patch"
    weights = compute_gaussian(patch, 1 / 8, 10, device=torch.device("cpu")).float()
    logits, total = torch.zeros((len(CLASSES), *x.shape[1:])), torch.zeros(x.shape[1:])
    for window in made._internal_get_sliding_window_slicers(x.shape[1:]):
        logits[window] += made.network(x[window][None])[0] * weights
        total[window[1:]] += weights
    return logits / total


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "engine" / "tests" / "nnunet_golden")
    out = parser.parse_args().out
    torch.set_num_threads(1)
    ct = nibabel.load(CT)
    box = tuple(slice(start, start + size) for start, size in zip(CROP_START, CROP_SIZE))
    crop = ct.slicer[box]
    image = np.asarray(crop.dataobj).astype(np.float32)
    for name, plans in (("plain", plain_plans()), ("residual", residual_plans())):
        shutil.rmtree(out / name, ignore_errors=True)
        make(out / name, plans, image, crop.affine)


if __name__ == "__main__":
    main()
