/* f16 rows by the conversions of F16C, eight numbers an instruction: the bytes of fmt.c. */
#if defined(__x86_64__)
#include "kern/kern_int.h"
#include "kern/x86/vec_avx2.h"

int64_t kern_avx2_from_halves(float *y, const char *x, int64_t n) {
    int64_t i = 0;
    for (; i + VL <= n; i += VL) vstore(y + i, vf16(x + 2 * i));
    return i;
}

int64_t kern_avx2_to_halves(char *y, const float *x, int64_t n) {
    int64_t i = 0;
    for (; i + VL <= n; i += VL)
        _mm_storeu_si128((__m128i *)(y + 2 * i), _mm256_cvtps_ph(vload(x + i), _MM_FROUND_TO_NEAREST_INT));
    return i;
}
#endif
