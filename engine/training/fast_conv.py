"""3x3x3 convolution of one volume on a CPU, always by oneDNN and with channels last.

PyTorch 2.15 sends a convolution of batch 1 with few voxels or channels
(batch * channels * z * y <= 20 480) to `slow_conv3d`, 3 to 10 times slower than
oneDNN, and loses the channels-last order of gradients at a concatenation. Here
the forward pass and the gradient of the input are oneDNN convolutions; where
oneDNN is out of reach the gradient of the weights is 27 matrix products.
"""

import functools

import torch

ONEDNN_FROM = 20_480


def _channels_last(x):
    return x.contiguous(memory_format=torch.channels_last_3d)


def _weight_gradient(x, grad, dilation):
    """27 matrix products over shifted views; [outputs, inputs, 3, 3, 3]."""
    _, channels, *size = x.shape
    padded = torch.nn.functional.pad(x, (dilation,) * 6).permute(0, 2, 3, 4, 1)[0].contiguous()
    flat = grad.permute(0, 2, 3, 4, 1)[0].reshape(-1, grad.shape[1])
    found = torch.empty(3, 3, 3, grad.shape[1], channels)
    for tap in torch.cartesian_prod(*[torch.arange(3)] * 3).tolist():
        z, y, k = (dilation * t for t in tap)
        moved = padded[z : z + size[0], y : y + size[1], k : k + size[2]].reshape(-1, channels)
        torch.mm(flat.T, moved, out=found[tuple(tap)])
    return found.permute(3, 4, 0, 1, 2)


class _Conv(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias, dilation):
        x = _channels_last(x)
        ctx.save_for_backward(x, weight)
        ctx.dilation = dilation
        spread = [dilation] * 3
        return torch.ops.aten.mkldnn_convolution(x, weight, bias, spread, [1] * 3, spread, 1)

    @staticmethod
    def backward(ctx, grad):
        x, weight = ctx.saved_tensors
        spread = [ctx.dilation] * 3
        grad, grad_x, grad_bias = _channels_last(grad), None, None
        if ctx.needs_input_grad[0]:
            mirrored = weight.flip(2, 3, 4).transpose(0, 1).contiguous()
            grad_x = torch.ops.aten.mkldnn_convolution(grad, mirrored, None, spread, [1] * 3, spread, 1)
        if x.shape[1] * x.shape[2] * x.shape[3] <= ONEDNN_FROM:
            grad_weight = _weight_gradient(x, grad, ctx.dilation)
        else:
            settings = (None, [1] * 3, spread, spread, False, [0] * 3, 1, [False, True, False])
            grad_weight = torch.ops.aten.convolution_backward(grad, x, weight, *settings)[1]
        if ctx.needs_input_grad[2]:
            grad_bias = grad.sum((0, 2, 3, 4))
        return grad_x, grad_weight, grad_bias, None


def conv3d(x, conv: torch.nn.Conv3d):
    """`conv(x)`; the detour is taken in training, batch 1, stride 1, size kept, on a CPU."""
    spread = conv.dilation[0]
    fits = x.shape[0] == 1 and conv.stride == (1, 1, 1) and conv.kernel_size == (3, 3, 3)
    fits = fits and conv.dilation == (spread,) * 3 and conv.padding == (spread,) * 3
    if fits and x.device.type == "cpu" and torch.is_grad_enabled() and conv.weight.requires_grad:
        return _Conv.apply(x, conv.weight, conv.bias, spread)
    return torch.nn.Conv3d.forward(conv, x)


def speed_up(network):
    """Sends every convolution of a network through `conv3d`; returns it, channels last."""
    for module in network.modules():
        if isinstance(module, torch.nn.Conv3d):
            module.forward = functools.partial(conv3d, conv=module)
    return network.to(memory_format=torch.channels_last_3d)
