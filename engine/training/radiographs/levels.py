"""Levels from the skull down, and the sizes that a borrowed vertebra is scaled to."""

LEVELS = [f"C{n}" for n in range(1, 8)] + [f"T{n}" for n in range(1, 13)] + [f"L{n}" for n in range(1, 6)]
CLASSES = ["C2", "femoral head", "vertebra"]  # the order of `kernels::architectures::Yolov5s`

# Rough adult body widths and heights (mm) and disc heights below each level, for scaling only.
WIDTH_MM = dict(zip(LEVELS, [20, 17, 17, 18, 19, 20, 23, 29, 29, 28, 27, 27, 28, 29, 30, 32, 34, 37, 40, 42, 44, 46, 49, 52]))
HEIGHT_MM = dict(
    zip(LEVELS, [10, 34, 13, 13, 13, 13, 14, 16, 17, 17, 18, 18, 19, 20, 20, 21, 22, 23, 25, 26, 27, 27, 27, 27])
)
DISC_MM = dict(zip(LEVELS, [0, 5, 5, 5, 5, 6, 5, 4, 4, 4, 4, 4, 5, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 10]))


def class_of(level: str) -> int:
    """Class of a vertebra's box; C1 has none."""
    return {"C1": -1, "C2": 0}.get(level, 2)
