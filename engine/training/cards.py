"""What the model card of each system says of its network and its input."""

import architectures
import graph
import inputs
from geometry import VOXEL_MM
from network import CHANNELS
from tissues import CLASSES

FILES = {
    "compact": "compact-spine",
    "dense3d": "dense-3d-spine",
    "mafu": "mafu-instances",
    "xunet": "xunet-lumbar",
    "localiser": "lumbar-localiser",
    "residual": "residual-spine-pelvis",
}
KINDS = {
    "dense3d": "dense_3d_unet",
    "mafu": "mafu_unet",
    "xunet": "xunet_3d",
    "localiser": "localisation_unet",
    "residual": "residual_unet",
}
CLASS_NAMES = {
    "dense3d": ["vertebra"],
    "mafu": ["background", "above", "centre", "below"],
    "xunet": ["background", "L1", "L2", "L3", "L4", "L5"],
    "localiser": ["lumbar"],
    "residual": ["background", "vertebra", "pelvis", "femur"],
}
HU = {  # lowest, highest, offset, scale
    "compact": (-1000, 1500, 100, 400),
    "dense3d": (0, 1000, 0, 1000),
    "mafu": (-1000, 1500, 100, 400),
    "xunet": (-200, 1000, -200, 1200),
    "localiser": (-200, 1000, -200, 1200),
    "residual": (-1000, 1000, -1000, 2000),
}
SPACING_MM = {
    "dense3d": 2.0,
    "mafu": inputs.WINDOW_VOXEL_MM,
    "xunet": inputs.LUMBAR_VOXEL_MM,
    "localiser": inputs.HEAT_VOXEL_MM,
}
SPACING_RANGE_MM = {"dense3d": [1.5, 4.0]}  # what `inputs.dense` draws; a box of 128^3 needs a range
PATCH = {
    "dense3d": [128, 128, 128],
    "mafu": [inputs.WINDOW] * 3,
    "localiser": [48, 48, 48],
    "residual": [inputs.SLAB, 64, 64],  # as trained: the instance norms see a slab's statistics
}
ROLES = {"mafu": "instances", "localiser": "heat_map", "xunet": "lumbar_levels"}
MODES = {"dense3d": ["patches", "box128"], "mafu": ["windows"], "residual": ["slabs"]}
NEEDS = {"mafu": FILES["compact"], "xunet": FILES["localiser"]}
ACTIVATIONS = {"dense3d": "sigmoid", "localiser": "none"}
THRESHOLDS = {"dense3d": 0.5, "mafu": 0.5, "xunet": 0.5, "localiser": 0.3, "residual": 0.5, "compact": 0.3}


def architecture(system: str) -> dict:
    """Network and classes. Kinds other than `graph` are names of `kernels::architectures`, `settings` their fields."""
    if system == "compact":
        nodes = graph.compact_unet(len(CLASSES), offsets=True)
        return {"kind": "graph", "channels": list(CHANNELS), "inputs": 1, "classes": CLASSES, "graph": nodes}
    settings = architectures.SETTINGS[KINDS[system]]
    return {"kind": KINDS[system], "settings": settings, "inputs": settings["inputs"], "classes": CLASS_NAMES[system]}


def purpose(system: str) -> dict:
    """What the network is for and how it is run; what is left out are the defaults of older cards."""
    channels = ["hu", "vertebra_probability"] if system == "mafu" else ["hu"]
    entries = {
        "role": ROLES.get(system, "classes"),
        "modes": MODES.get(system, ["patches"]),
        "input_channels": channels,
        "output_activation": ACTIVATIONS.get(system, "softmax"),
    }
    return entries | ({"needs": NEEDS[system]} if system in NEEDS else {})


def preprocessing(system: str) -> dict:
    """How a CT becomes the network's input; the second channel of `mafu` is the vertebra probability of stage 1."""
    low, high, offset, scale = HU[system]
    spacing = {"spacing_mm": SPACING_MM.get(system, VOXEL_MM)}
    if system in SPACING_RANGE_MM:
        spacing["spacing_range_mm"] = SPACING_RANGE_MM[system]
    return {
        "axes": "LPS",
        **spacing,
        "patch_voxels": PATCH.get(system, [64, 64, 64]),
        "clamp_hu": [low, high],
        "offset_hu": offset,
        "scale_hu": scale,
        "padding_hu": -1000,
    }


COMMON_FAILURES = [
    "a short training on two shared CPU cores, far from converged: the shipped default is compact-spine",
    "one patient per figure, reference labels from TotalSegmentator",
]
FAILURES = {
    "dense3d": ["it knows vertebrae only: bright bone beside them stands for ribs and sacrum when levels are named"],
    "mafu": ["what its first step misses it cannot give back: it only tells apart what that one calls vertebra"],
    "residual": ["a slab of 40 mm shows little of a vertebra above and below; ribs are no class of their own"],
    "xunet": ["it looks only where its localiser is warm; T12 and S1 next to it may be called L1 and L5"],
    "localiser": ["a lumbar spine cut by the border of the scan warms less than a whole one"],
}


def report(system: str) -> dict:
    """What a card says beside the training's own facts."""
    return {"known_failures": COMMON_FAILURES + FAILURES.get(system, [])}
