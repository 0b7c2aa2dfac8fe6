/* What compilers call behind the program's back and the linker's libraries may lack.
 *
 * Comparisons of floats under the names that LLVM uses where it does not know of the Arm EABI: negative, zero or
 * positive, and for a NaN whatever makes the comparison false. Arguments always come in core registers. */
#include <stdint.h>

#define TG_HELPER __attribute__((weak, pcs("aapcs"), used))

TG_HELPER int __eqsf2(float a, float b);
TG_HELPER int __nesf2(float a, float b);
TG_HELPER int __ltsf2(float a, float b);
TG_HELPER int __lesf2(float a, float b);
TG_HELPER int __gtsf2(float a, float b);
TG_HELPER int __gesf2(float a, float b);
TG_HELPER int __eqdf2(double a, double b);
TG_HELPER int __nedf2(double a, double b);
TG_HELPER int __ltdf2(double a, double b);
TG_HELPER int __ledf2(double a, double b);
TG_HELPER int __gtdf2(double a, double b);
TG_HELPER int __gedf2(double a, double b);
TG_HELPER void __aeabi_unwind_cpp_pr0(void);
TG_HELPER void __aeabi_unwind_cpp_pr1(void);
TG_HELPER void __aeabi_unwind_cpp_pr2(void);

int __eqsf2(float a, float b) { return a == b ? 0 : 1; }
int __nesf2(float a, float b) { return a == b ? 0 : 1; }
int __ltsf2(float a, float b) { return a < b ? -1 : a == b ? 0 : 1; }
int __lesf2(float a, float b) { return a < b ? -1 : a == b ? 0 : 1; }
int __gtsf2(float a, float b) { return a > b ? 1 : a == b ? 0 : -1; }
int __gesf2(float a, float b) { return a > b ? 1 : a == b ? 0 : -1; }
int __eqdf2(double a, double b) { return a == b ? 0 : 1; }
int __nedf2(double a, double b) { return a == b ? 0 : 1; }
int __ltdf2(double a, double b) { return a < b ? -1 : a == b ? 0 : 1; }
int __ledf2(double a, double b) { return a < b ? -1 : a == b ? 0 : 1; }
int __gtdf2(double a, double b) { return a > b ? 1 : a == b ? 0 : -1; }
int __gedf2(double a, double b) { return a > b ? 1 : a == b ? 0 : -1; }

/* Exceptions are never thrown, stacks never unwound: tables of code that could do it only name these. */
void __aeabi_unwind_cpp_pr0(void) {}
void __aeabi_unwind_cpp_pr1(void) {}
void __aeabi_unwind_cpp_pr2(void) {}
