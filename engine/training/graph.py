"""The network without norms as a graph of operations, as model cards of kind "graph" hold it."""

from network import CHANNELS, NEGATIVE_SLOPE


class _Nodes:
    def __init__(self):
        self.nodes = []

    def add(self, op: dict, *inputs: int) -> int:
        self.nodes.append({"op": op, "inputs": list(inputs)})
        return len(self.nodes) - 1

    def conv(self, x, name, outputs, edge, stride=1):
        sizes = {"kernel": [edge] * 3, "stride": [stride] * 3, "padding": [edge // 2] * 3}
        return self.add({"type": "conv", "weights": name, "outputs": outputs, **sizes, "bias": True}, x)

    def pair(self, x, name, outputs, stride=1):
        """Two convolutions, each with leaky ReLU."""
        for i, step in enumerate((stride, 1)):
            x = self.conv(x, f"{name}.{i}.conv", outputs, 3, step)
            x = self.add({"type": "activate", "activation": {"leaky_relu": {"slope": NEGATIVE_SLOPE}}}, x)
        return x


def compact_unet(classes: int, channels=CHANNELS, offsets: bool = False) -> dict:
    """`network.CompactUNet(norm="none")`, tensor names included; outputs `logits` and, if asked for, `offsets`."""
    g = _Nodes()
    x, skips = g.add({"type": "input", "channels": 1}), []
    for level, outputs in enumerate(channels):
        x = g.pair(x, f"enc.{level}", outputs, 1 if level == 0 else 2)
        skips.append(x)
    skips.pop()
    for step, outputs in enumerate(channels[-2::-1]):
        up = {"type": "conv_transpose", "weights": f"up.{step}", "outputs": outputs, "kernel": [2] * 3, "bias": True}
        x = g.add({"type": "concat"}, g.add(up, x), skips.pop())
        x = g.pair(x, f"dec.{step}", outputs)
    outputs = [{"name": "logits", "node": g.conv(x, "head", classes, 1)}]
    if offsets:
        outputs.append({"name": "offsets", "node": g.conv(x, "offset", 3, 1)})
    return {"nodes": g.nodes, "outputs": outputs}


def layers(graph: dict) -> set:
    """Names of the layers whose tensors a graph needs."""
    return {node["op"]["weights"] for node in graph["nodes"] if "weights" in node["op"]}
