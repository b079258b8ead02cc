// The kernels as C++, in the list that `find_kernel` searches.
#include "../kernels.cu"
#include "conformance.cu"
