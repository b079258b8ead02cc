// All kernels of the crate: one translation unit, one image.
// A new file is added here and nowhere else.
#include "common.cuh"
