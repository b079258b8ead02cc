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
SPACING_MM = {"xunet": inputs.LUMBAR_VOXEL_MM, "localiser": inputs.HEAT_VOXEL_MM}
PATCH = {
    "dense3d": [128, 128, 128],
    "mafu": [inputs.WINDOW] * 3,
    "localiser": [128, 64, 64],
    "residual": [inputs.SLAB, 256, 256],
}


def architecture(system: str) -> dict:
    """Network and classes. Kinds other than `graph` are names of `kernels::architectures`, `settings` their fields."""
    if system == "compact":
        nodes = graph.compact_unet(len(CLASSES), offsets=True)
        return {"kind": "graph", "channels": list(CHANNELS), "inputs": 1, "classes": CLASSES, "graph": nodes}
    settings = architectures.SETTINGS[KINDS[system]]
    return {"kind": KINDS[system], "settings": settings, "inputs": settings["inputs"], "classes": CLASS_NAMES[system]}


def preprocessing(system: str) -> dict:
    """How a CT becomes the network's input; the second channel of `mafu` is the vertebra probability of stage 1."""
    low, high, offset, scale = HU[system]
    return {
        "axes": "LPS",
        "spacing_mm": SPACING_MM.get(system, VOXEL_MM),
        "patch_voxels": PATCH.get(system, [64, 64, 64]),
        "clamp_hu": [low, high],
        "offset_hu": offset,
        "scale_hu": scale,
        "padding_hu": -1000,
    }
