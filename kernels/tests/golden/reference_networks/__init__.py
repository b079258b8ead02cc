"""The networks of `kernels::architectures` in PyTorch, for parity tests only.

One class per network, with the published or standard sizes as defaults. The
names of the layers are the names of the tensors in weight files.
"""

from .compact_unet import CompactUnet
from .dense_3d_unet import Dense3dUnet
from .localisation_unet import LocalisationUnet
from .mafu_unet import MafuUnet
from .nnunet import NNUNET_CHANNELS, NNUNET_KERNELS, NNUNET_STRIDES, NnunetPlain, NnunetResidual
from .residual_unet import ResidualUnet
from .unet_2d import Unet2d
from .xunet_3d import Xunet3d
from .yolov5s import YoloV5s

__all__ = [
    "CompactUnet",
    "Dense3dUnet",
    "LocalisationUnet",
    "MafuUnet",
    "NNUNET_CHANNELS",
    "NNUNET_KERNELS",
    "NNUNET_STRIDES",
    "NnunetPlain",
    "NnunetResidual",
    "ResidualUnet",
    "Unet2d",
    "Xunet3d",
    "YoloV5s",
]
