"""3x3x3 convolution of one volume on a CPU, always by oneDNN and with channels last.

PyTorch 2.15 sends a convolution of batch 1 with few voxels or channels
(batch * channels * z * y <= 20 480) to `slow_conv3d`, 3 to 10 times slower than
oneDNN, and loses the channels-last order of gradients at a concatenation. Here
the forward pass and the gradient of the input are oneDNN convolutions; where
oneDNN is out of reach the gradient of the weights is 27 matrix products.
"""

import torch

ONES = [1, 1, 1]
ONEDNN_FROM = 20_480


def _channels_last(x):
    return x.contiguous(memory_format=torch.channels_last_3d)


def _weight_gradient(x, grad):
    """27 matrix products over shifted views; [outputs, inputs, 3, 3, 3]."""
    _, channels, *size = x.shape
    padded = torch.nn.functional.pad(x, (1,) * 6).permute(0, 2, 3, 4, 1)[0].contiguous()
    flat = grad.permute(0, 2, 3, 4, 1)[0].reshape(-1, grad.shape[1])
    found = torch.empty(3, 3, 3, grad.shape[1], channels)
    for z, y, k in torch.cartesian_prod(*[torch.arange(3)] * 3).tolist():
        moved = padded[z : z + size[0], y : y + size[1], k : k + size[2]].reshape(-1, channels)
        torch.mm(flat.T, moved, out=found[z, y, k])
    return found.permute(3, 4, 0, 1, 2), flat.sum(0)


class _Conv(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias):
        x = _channels_last(x)
        ctx.save_for_backward(x, weight)
        return torch.ops.aten.mkldnn_convolution(x, weight, bias, ONES, ONES, ONES, 1)

    @staticmethod
    def backward(ctx, grad):
        x, weight = ctx.saved_tensors
        grad, grad_x = _channels_last(grad), None
        if ctx.needs_input_grad[0]:
            mirrored = weight.flip(2, 3, 4).transpose(0, 1).contiguous()
            grad_x = torch.ops.aten.mkldnn_convolution(grad, mirrored, None, ONES, ONES, ONES, 1)
        if x.shape[1] * x.shape[2] * x.shape[3] <= ONEDNN_FROM:
            return grad_x, *_weight_gradient(x, grad)
        settings = ([weight.shape[0]], ONES, ONES, ONES, False, [0, 0, 0], 1, [False, True, True])
        return grad_x, *torch.ops.aten.convolution_backward(grad, x, weight, *settings)[1:]


def conv3d(x, conv: torch.nn.Conv3d):
    """`conv(x)`; the detour is taken in training, batch 1, stride 1, with a bias, on a CPU."""
    fits = x.shape[0] == 1 and conv.stride == (1, 1, 1) and conv.bias is not None and conv.kernel_size == (3, 3, 3)
    if fits and x.device.type == "cpu" and torch.is_grad_enabled() and conv.weight.requires_grad:
        return _Conv.apply(x, conv.weight, conv.bias)
    return conv(x)
