/* What compilers call behind the program's back and the linker's libraries may lack.
 *
 * Comparisons of floats under the names that LLVM uses where it does not know of the Arm EABI: negative, zero or
 * positive, and for a NaN whatever makes the comparison false. Arguments always come in core registers. All is done in
 * integers: other libraries' comparisons call these. */
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

typedef union {
  float value;
  uint32_t bits;
} tg_float_bits;

typedef union {
  double value;
  uint64_t bits;
} tg_double_bits;

/* -1, 0 or 1; unordered if a or b is a NaN. */
static int tg_compare_f(float a, float b, int unordered) {
  tg_float_bits x;
  tg_float_bits y;
  x.value = a;
  y.value = b;
  const uint32_t size_x = x.bits & 0x7fffffff;
  const uint32_t size_y = y.bits & 0x7fffffff;
  if (size_x > 0x7f800000 || size_y > 0x7f800000) {
    return unordered;
  }
  const int32_t left = x.bits >> 31 ? -(int32_t)size_x : (int32_t)size_x;
  const int32_t right = y.bits >> 31 ? -(int32_t)size_y : (int32_t)size_y;
  return left < right ? -1 : left > right;
}

static int tg_compare_d(double a, double b, int unordered) {
  const uint64_t infinity = (uint64_t)0x7ff << 52;
  const uint64_t sign = (uint64_t)1 << 63;
  tg_double_bits x;
  tg_double_bits y;
  x.value = a;
  y.value = b;
  const uint64_t size_x = x.bits & ~sign;
  const uint64_t size_y = y.bits & ~sign;
  if (size_x > infinity || size_y > infinity) {
    return unordered;
  }
  const int64_t left = x.bits & sign ? -(int64_t)size_x : (int64_t)size_x;
  const int64_t right = y.bits & sign ? -(int64_t)size_y : (int64_t)size_y;
  return left < right ? -1 : left > right;
}

int __eqsf2(float a, float b) { return tg_compare_f(a, b, 1); }
int __nesf2(float a, float b) { return tg_compare_f(a, b, 1); }
int __ltsf2(float a, float b) { return tg_compare_f(a, b, 1); }
int __lesf2(float a, float b) { return tg_compare_f(a, b, 1); }
int __gtsf2(float a, float b) { return tg_compare_f(a, b, -1); }
int __gesf2(float a, float b) { return tg_compare_f(a, b, -1); }
int __eqdf2(double a, double b) { return tg_compare_d(a, b, 1); }
int __nedf2(double a, double b) { return tg_compare_d(a, b, 1); }
int __ltdf2(double a, double b) { return tg_compare_d(a, b, 1); }
int __ledf2(double a, double b) { return tg_compare_d(a, b, 1); }
int __gtdf2(double a, double b) { return tg_compare_d(a, b, -1); }
int __gedf2(double a, double b) { return tg_compare_d(a, b, -1); }

/* Exceptions are never thrown, stacks never unwound: tables of code that could do it only name these. */
void __aeabi_unwind_cpp_pr0(void) {}
void __aeabi_unwind_cpp_pr1(void) {}
void __aeabi_unwind_cpp_pr2(void) {}
