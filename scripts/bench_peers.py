#!/usr/bin/env python3
"""Runs the networks in PyTorch, ONNX Runtime or OpenVINO when told to.

`spinenav bench segment --peers PYTHON` drives it, so that its runs and ours
alternate within the same minutes. Same weights, same input, same threads on
every side. PYTHON is an interpreter with the packages of
`scripts/install_peers.sh`.

  python bench_peers.py export --network compact --dims 64x64x64 --folder DIR
  python bench_peers.py serve --network compact --dims 64x64x64 --folder DIR --runtime openvino --threads 2

`export` writes the network as ONNX, its weights and its input into DIR, so
that a runtime's process holds nothing but the runtime. `serve` prints one
JSON line when the network is loaded, then answers each line on its standard
input with one JSON line: `run N` (N timed runs), `output FILE` (the first
result as raw f32), `memory`. It ends with its input.
"""
import argparse
import contextlib
import json
import os
import pathlib
import sys
import time
import warnings

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "kernels" / "tests" / "golden"
RUNTIMES = ("pytorch", "onnxruntime", "openvino")
OPSET = 17


class CannotRun(Exception):
    """This runtime does not do that here; the message says why."""


def status_mb(name: str):
    """A size of this process, where the system tells it. `getrusage` would
    count what the process that started this one held."""
    with contextlib.suppress(OSError):
        for line in pathlib.Path("/proc/self/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) / 1024
    return None


def has_bf16_instructions() -> bool:
    """Without them bf16 is emulated: slower than f32, and no fair peer."""
    with contextlib.suppress(OSError):
        flags = pathlib.Path("/proc/cpuinfo").read_text()
        return "amx_bf16" in flags or "avx512_bf16" in flags
    return False


class Files:
    """What `export` leaves for `serve`."""

    def __init__(self, options) -> None:
        self.stem = f"{options.network}-{options.dims}"
        self.onnx = options.folder / f"{self.stem}.onnx"
        self.weights = options.folder / f"{self.stem}.pt"
        self.input = options.folder / f"{self.stem}.npy"


def definition(network: str):
    """The class of a network: its name without the underscores."""
    sys.path.insert(0, str(GOLDEN))
    import reference_networks

    classes = {name.lower(): found for name, found in vars(reference_networks).items() if isinstance(found, type)}
    if network.replace("_", "") not in classes:
        raise CannotRun(f"reference_networks does not define {network}")
    return classes[network.replace("_", "")]


def export(options) -> dict:
    import numpy
    import torch

    network = definition(options.network)()
    import synthetic_weights

    class InOrder(torch.nn.Module):
        """ONNX knows outputs by order, the definitions by name. Heads that
        our network does not have are left out of the graph."""

        def __init__(self, named) -> None:
            super().__init__()
            self.named = named

        def forward(self, x):
            results = self.named(x)
            return tuple(results[name] for name in options.outputs or results)

    files = Files(options)
    options.folder.mkdir(parents=True, exist_ok=True)
    synthetic_weights.fill(network)
    dims = [int(side) for side in options.dims.split("x")]
    first = next(m for m in network.modules() if isinstance(m, (torch.nn.Conv2d, torch.nn.Conv3d)))
    if isinstance(first, torch.nn.Conv2d):
        dims = dims[1:]  # one slice
    image = synthetic_weights.image((1, first.in_channels, *dims))
    numpy.save(files.input, image.numpy())
    torch.save(network.state_dict(), files.weights)
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            InOrder(network).eval(), image, str(files.onnx), opset_version=OPSET, input_names=["x"], dynamo=False
        )
    return {"onnx": str(files.onnx)}


class PyTorch:
    def __init__(self, options) -> None:
        import torch

        self.torch, self.options = torch, options
        self.name, self.version = "PyTorch", torch.__version__
        self.cuda = options.device == "cuda"
        if self.cuda and not torch.cuda.is_available():
            raise CannotRun("PyTorch sees no CUDA device")
        if self.cuda:
            torch.cuda.init()
            torch.backends.cudnn.benchmark = True
        torch.set_num_threads(options.threads)

    def load(self) -> None:
        torch, files = self.torch, Files(self.options)
        with torch.device("meta"):
            network = definition(self.options.network)().eval()
        network.load_state_dict(torch.load(files.weights, mmap=True, weights_only=True), assign=True)
        self.image = torch.from_numpy(load_input(files))
        self.dtype = torch.float32
        if self.options.dtype == "half":
            # The layout in which its half-precision kernels are fastest.
            last = torch.channels_last_3d if self.image.ndim == 5 else torch.channels_last
            self.dtype = torch.float16 if self.cuda else torch.bfloat16
            network = network.to(dtype=self.dtype, memory_format=last)
        self.network = network.to("cuda") if self.cuda else network

    def run(self):
        with self.torch.inference_mode():
            # Like ours: from f32 in the processor's memory and back to it.
            image = self.image.to(device="cuda" if self.cuda else "cpu", dtype=self.dtype)
            results = self.network(image).values()
            return [result.to(device="cpu", dtype=self.torch.float32) for result in results]

    def first_output(self):
        return self.run()[0].contiguous().numpy()

    def device_mb(self):
        return self.torch.cuda.max_memory_reserved() / 2**20 if self.cuda else None


class OnnxRuntime:
    def __init__(self, options) -> None:
        import onnxruntime

        self.onnxruntime, self.options = onnxruntime, options
        self.name, self.version = "ONNX Runtime", onnxruntime.__version__
        if options.device == "cuda":
            raise CannotRun("the CPU package of ONNX Runtime is timed on the CPU only")
        if options.dtype == "half":
            raise CannotRun("ONNX Runtime has no half-precision convolution on the CPU")

    def load(self) -> None:
        files, settings = Files(self.options), self.onnxruntime.SessionOptions()
        settings.intra_op_num_threads = self.options.threads
        settings.inter_op_num_threads = 1
        settings.log_severity_level = 3
        self.session = self.onnxruntime.InferenceSession(str(files.onnx), settings, providers=["CPUExecutionProvider"])
        self.image = load_input(files)

    def run(self):
        return self.session.run(None, {"x": self.image})

    def first_output(self):
        return self.run()[0]

    def device_mb(self):
        return None


class OpenVino:
    def __init__(self, options) -> None:
        import openvino

        self.openvino, self.options = openvino, options
        self.name, self.version = "OpenVINO", openvino.__version__.split("-")[0]
        if options.device == "cuda":
            raise CannotRun("OpenVINO has no CUDA device")

    def load(self) -> None:
        files, core = Files(self.options), self.openvino.Core()
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if self.options.dtype == "half" else "f32",
            "INFERENCE_NUM_THREADS": self.options.threads,
            "PERFORMANCE_HINT": "LATENCY",
        }
        self.request = core.compile_model(core.read_model(str(files.onnx)), "CPU", settings).create_infer_request()
        self.image = load_input(files)

    def run(self):
        return self.request.infer({"x": self.image})

    def first_output(self):
        return self.run()[0]

    def device_mb(self):
        return None


def load_input(files: Files):
    import numpy

    return numpy.load(files.input)


def serve(options) -> None:
    import numpy

    if options.dtype == "half" and options.device == "cpu" and not has_bf16_instructions():
        raise CannotRun("this CPU has no bf16 instructions")
    runtime = dict(zip(RUNTIMES, (PyTorch, OnnxRuntime, OpenVino)))[options.runtime](options)
    base_mb = status_mb("VmRSS:")
    runtime.load()
    dtype = {"f32": "f32", "half": "f16" if options.device == "cuda" else "bf16"}[options.dtype]
    say({"runtime": f"{runtime.name} {runtime.version}", "dtype": dtype, "base_mb": base_mb})
    for line in sys.stdin:
        word, _, argument = line.strip().partition(" ")
        if word == "run":
            milliseconds = []
            for _ in range(int(argument)):
                since = time.perf_counter()
                runtime.run()
                milliseconds.append(1e3 * (time.perf_counter() - since))
            say({"ms": milliseconds})
        elif word == "output":
            result = numpy.ascontiguousarray(runtime.first_output(), dtype=numpy.float32)
            result.tofile(argument)
            say({"shape": list(result.shape)})
        elif word == "memory":
            say({"peak_mb": status_mb("VmHWM:"), "device_mb": runtime.device_mb()})
        else:
            say({"error": f"unknown request {word!r}"})


def say(answer: dict) -> None:
    print(json.dumps(answer), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", choices=("export", "serve"))
    parser.add_argument("--network", required=True)
    parser.add_argument("--dims", required=True, help="ZxYxX; Z is 1 for a 2-D network")
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--outputs", type=lambda names: names.split(","), help="results to export; all when not given")
    parser.add_argument("--runtime", choices=RUNTIMES)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--dtype", choices=("f32", "half"), default="f32")
    options = parser.parse_args()
    # Before any runtime starts its threads.
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    try:
        if options.job == "export":
            say(export(options))
        else:
            serve(options)
    except CannotRun as reason:
        say({"cannot_run": str(reason)})
    except Exception as error:  # the driver shows it; a traceback goes to stderr with -X dev only
        say({"error": f"{type(error).__name__}: {error}"})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
