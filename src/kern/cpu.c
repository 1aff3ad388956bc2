/* Which kernels this processor gets: what it can do (cpuid), what the operating system saves (xgetbv), what leave it gives (tiles), and
 * what CANDOR_ISA allows. */
#include "kern/kern_int.h"
#include <stdlib.h>
#include <string.h>
#if KERN_X86
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

const char *const kern_isa_names[] = {"ref", "avx2", "avx512", "amx"};

enum isa kern_cpu_isa(void) {
#if KERN_X86
    unsigned a, b, c, d, lo, hi;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return ISA_REF;
    /* FMA, OSXSAVE, AVX, F16C */
    if (!(c >> 12 & 1) || !(c >> 27 & 1) || !(c >> 28 & 1) || !(c >> 29 & 1)) return ISA_REF;
    /* the operating system must save ymm (and for AVX-512 opmask and zmm) */
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    if ((lo & 0x06) != 0x06) return ISA_REF;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b >> 5 & 1)) return ISA_REF;
    /* F, DQ, BW, VL */
    if ((lo & 0xe6) == 0xe6 && (b >> 16 & 1) && (b >> 17 & 1) && (b >> 30 & 1) && (b >> 31 & 1)) return ISA_AVX512;
    return ISA_AVX2;
#else
    return ISA_REF;
#endif
}

int kern_cpu_bf16(void) {
#if KERN_X86
    unsigned a, b, c, d;
    return kern_cpu_isa() >= ISA_AVX512 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1);
#else
    return 0;
#endif
}

/* AMX-TILE and AMX-BF16, tile state saved by the system, and the leave to use it: once per process, before any thread touches tiles. */
int kern_cpu_amx(void) {
#if KERN_X86
    unsigned a, b, c, d, lo, hi;
    if (!kern_cpu_bf16() || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d >> 22 & 1) || !(d >> 24 & 1)) return 0;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    if ((lo >> 17 & 3) != 3) return 0;
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
#else
    return 0;
#endif
}

int kern_cpu_vnni(void) {
#if KERN_X86
    unsigned a, b, c, d;
    return kern_cpu_isa() >= ISA_AVX512 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c >> 11 & 1) && (c >> 1 & 1);
#else
    return 0;
#endif
}

int kern_cpu_amx_int8(void) {
#if KERN_X86
    unsigned a, b, c, d;
    return kern_cpu_vnni() && kern_cpu_amx() && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 25 & 1);
#else
    return 0;
#endif
}

int kern_isa_wanted(enum isa *out, struct err *e) {
    enum isa best = kern_cpu_isa();
    if (best == ISA_AVX512 && kern_cpu_amx()) best = ISA_AMX;
    const char *s = getenv("CANDOR_ISA");
    *out = best;
    if (!s || !*s) return 0;
    for (int i = ISA_REF; i <= ISA_AMX; i++)
        if (!strcmp(s, kern_isa_names[i])) {
            *out = (int)best < i ? best : (enum isa)i;
            return 0;
        }
    return fail(e, ERR_ARG, "CANDOR_ISA: expected ref, avx2, avx512 or amx, found \"%s\"", s);
}

enum isa dev_best_isa(void) {
    enum isa i;
    return kern_isa_wanted(&i, NULL) < 0 ? kern_cpu_isa() : i;
}
