"""Makes the golden files of the compact U-Net: PyTorch is the reference.

    python kernels/tests/golden/make_compact_unet.py

Needs torch and safetensors (made with torch 2.9.1, safetensors 0.8.0, on the
CPU in float64, rounded to float32 at the end, so that the files do not depend
on the machine). The network is the one SpineNav trains; only the channels are
fewer, and not all multiples of a vector, to keep the files small and the
kernels' edges tested.
"""

from pathlib import Path

import torch
import torch.nn as nn
from safetensors.torch import save_file

CHANNELS, INPUTS, CLASSES = (5, 8, 12, 16), 2, 3
SIZE = (24, 40, 8)  # depth, height, width: multiples of 8, all different


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.conv = nn.Conv3d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm = nn.InstanceNorm3d(outputs, affine=True)
        self.act = nn.LeakyReLU(0.01)

    def forward(self, x):
        return self.act(self.norm(self.conv(x)))


def stage(inputs, outputs, stride=1):
    return nn.Sequential(Block(inputs, outputs, stride), Block(outputs, outputs))


class CompactUnet(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.up, self.dec = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        inputs = INPUTS
        for level, channels in enumerate(CHANNELS):
            self.enc.append(stage(inputs, channels, 1 if level == 0 else 2))
            inputs = channels
        for channels in reversed(CHANNELS[:-1]):
            self.up.append(nn.ConvTranspose3d(inputs, channels, 2, 2))
            self.dec.append(stage(2 * channels, channels))
            inputs = channels
        self.head = nn.Conv3d(inputs, CLASSES, 1)

    def forward(self, x):
        skips = []
        for encoder in self.enc:
            x = encoder(x)
            skips.append(x)
        skips.pop()
        for up, decoder in zip(self.up, self.dec):
            x = decoder(torch.cat([up(x), skips.pop()], 1))
        return self.head(x)


def main():
    torch.manual_seed(20)
    network = CompactUnet().eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if ".norm." in name:  # the default 1 and 0 would hide mistakes
                parameter.add_(0.3 * torch.randn_like(parameter))
        image = torch.randn(1, INPUTS, *SIZE)
        # Two decimals are plenty for an input, and compress well in git.
        image = (image * 100).round() / 100
        logits = network.double()(image.double()).float()
    here = Path(__file__).parent
    weights = {k: v.float().contiguous() for k, v in network.state_dict().items()}
    save_file(weights, here / "compact_unet_weights.safetensors")
    save_file({"input": image[0], "logits": logits[0].contiguous()}, here / "compact_unet_io.safetensors")


if __name__ == "__main__":
    main()
