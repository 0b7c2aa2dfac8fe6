/* What the LX106's chip has in its ROM, and libgcc for this core therefore lacks: multiplication and division of
 * integers, and arithmetic of floats. Rounds to nearest, ties to even; a NaN is 0x7FC00000. */
#include <stdint.h>

typedef union {
    uint64_t whole;
    struct {
        uint32_t low;
        uint32_t high;
    } half;
} tg_wide;

typedef union {
    float value;
    uint32_t bits;
} tg_single;

int64_t __muldi3(int64_t a, int64_t b);
uint32_t __udivsi3(uint32_t a, uint32_t b);
uint32_t __umodsi3(uint32_t a, uint32_t b);
int32_t __divsi3(int32_t a, int32_t b);
uint64_t __udivdi3(uint64_t a, uint64_t b);
uint64_t __umoddi3(uint64_t a, uint64_t b);
int64_t __divdi3(int64_t a, int64_t b);
float __mulsf3(float a, float b);
float __addsf3(float a, float b);
float __subsf3(float a, float b);
float __floatsisf(int32_t a);
float __floatunsisf(uint32_t a);
uint32_t __fixunssfsi(float a);

static tg_wide product(uint32_t a, uint32_t b);
static float packed(uint32_t sign, int32_t exponent, uint32_t mantissa);
static int32_t unpacked(uint32_t bits, uint32_t *mantissa);

/* The 64 bits of a product: of halves, for whole words would call this again. */
static tg_wide product(uint32_t a, uint32_t b)
{
    const uint32_t low = (a & 0xFFFFu) * (b & 0xFFFFu);
    const uint32_t one = (a >> 16) * (b & 0xFFFFu) + (low >> 16);
    const uint32_t two = (a & 0xFFFFu) * (b >> 16) + (one & 0xFFFFu);
    tg_wide result;
    result.half.low = (two << 16) | (low & 0xFFFFu);
    result.half.high = (a >> 16) * (b >> 16) + (one >> 16) + (two >> 16);
    return result;
}

int64_t __muldi3(int64_t a, int64_t b)
{
    tg_wide x;
    tg_wide y;
    x.whole = (uint64_t)a;
    y.whole = (uint64_t)b;
    tg_wide result = product(x.half.low, y.half.low);
    result.half.high += x.half.low * y.half.high + x.half.high * y.half.low;
    return (int64_t)result.whole;
}

/* Quotients bit by bit; division by zero gives all ones. */
uint32_t __udivsi3(uint32_t a, uint32_t b)
{
    uint32_t quotient = 0;
    uint32_t rest = 0;
    for (int bit = 31; bit >= 0; bit--) {
        const uint32_t carry = rest >> 31;
        rest = (rest << 1) | ((a >> bit) & 1u);
        quotient <<= 1;
        if (carry != 0u || rest >= b) {
            rest -= b;
            quotient |= 1u;
        }
    }
    return quotient;
}

uint32_t __umodsi3(uint32_t a, uint32_t b)
{
    return a - __udivsi3(a, b) * b;
}

int32_t __divsi3(int32_t a, int32_t b)
{
    const uint32_t size = __udivsi3(a < 0 ? 0u - (uint32_t)a : (uint32_t)a, b < 0 ? 0u - (uint32_t)b : (uint32_t)b);
    return (int32_t)((a < 0) != (b < 0) ? 0u - size : size);
}

uint64_t __udivdi3(uint64_t a, uint64_t b)
{
    uint64_t quotient = 0;
    uint64_t rest = 0;
    for (int bit = 63; bit >= 0; bit--) {
        const uint64_t carry = rest >> 63;
        rest = (rest << 1) | ((a >> bit) & 1u);
        quotient <<= 1;
        if (carry != 0u || rest >= b) {
            rest -= b;
            quotient |= 1u;
        }
    }
    return quotient;
}

uint64_t __umoddi3(uint64_t a, uint64_t b)
{
    return a - __udivdi3(a, b) * b;
}

int64_t __divdi3(int64_t a, int64_t b)
{
    const uint64_t size = __udivdi3(a < 0 ? 0u - (uint64_t)a : (uint64_t)a, b < 0 ? 0u - (uint64_t)b : (uint64_t)b);
    return (int64_t)((a < 0) != (b < 0) ? 0u - size : size);
}

/* The float nearest to mantissa * 2**(exponent - 157): 31 bits after the point, of which the last may stand for all
 * that follow; mantissa 0 is zero. */
static float packed(uint32_t sign, int32_t exponent, uint32_t mantissa)
{
    tg_single result;
    result.bits = sign;
    if (mantissa == 0u) {
        return result.value;
    }
    while (mantissa < 0x80000000u) {
        mantissa <<= 1;
        exponent--;
    }
    exponent++; /* the field's value, if the number is a normal one */
    if (exponent <= 0) {
        const int32_t shift = 1 - exponent;
        mantissa = shift > 31 ? 1u : (mantissa >> shift) | (uint32_t)((mantissa << (32 - shift)) != 0u);
        exponent = 0;
    }
    const uint32_t rest = mantissa & 0xFFu;
    uint32_t bits = (exponent > 0 ? ((uint32_t)exponent << 23) - 0x800000u : 0u) + (mantissa >> 8);
    if (rest > 0x80u || (rest == 0x80u && (bits & 1u) != 0u)) {
        bits++;
    }
    result.bits |= exponent >= 255 || bits > 0x7F800000u ? 0x7F800000u : bits;
    return result.value;
}

/* Exponent and mantissa of a finite number that is not zero: mantissa * 2**(exponent - 157), its highest bit 30. */
static int32_t unpacked(uint32_t bits, uint32_t *mantissa)
{
    int32_t exponent = (int32_t)((bits >> 23) & 0xFFu);
    uint32_t m = bits & 0x7FFFFFu;
    if (exponent == 0) {
        exponent = 1;
        while (m < 0x800000u) {
            m <<= 1;
            exponent--;
        }
    }
    *mantissa = (m | 0x800000u) << 7;
    return exponent;
}

#define TG_NAN 0x7FC00000u
#define TG_INFINITY 0x7F800000u
#define TG_SIZE(x) ((x).bits & 0x7FFFFFFFu)

float __mulsf3(float a, float b)
{
    tg_single x;
    tg_single y;
    tg_single result;
    x.value = a;
    y.value = b;
    const uint32_t sign = (x.bits ^ y.bits) & 0x80000000u;
    const uint32_t m = TG_SIZE(x);
    const uint32_t n = TG_SIZE(y);
    if (m >= TG_INFINITY || n >= TG_INFINITY) {
        const int bad = m > TG_INFINITY || n > TG_INFINITY || m == 0u || n == 0u;
        result.bits = bad ? TG_NAN : sign | TG_INFINITY;
        return result.value;
    }
    if (m == 0u || n == 0u) {
        result.bits = sign;
        return result.value;
    }
    uint32_t p;
    uint32_t q;
    const int32_t exponent = unpacked(m, &p) + unpacked(n, &q);
    const tg_wide whole = product(p, q); /* its highest bit is 60 or 61 */
    return packed(sign, exponent - 125, whole.half.high | (uint32_t)(whole.half.low != 0u));
}

float __addsf3(float a, float b)
{
    tg_single x;
    tg_single y;
    x.value = a;
    y.value = b;
    if (TG_SIZE(x) < TG_SIZE(y)) {
        const tg_single other = x;
        x = y;
        y = other;
    }
    const uint32_t sign = x.bits & 0x80000000u;
    if (TG_SIZE(x) >= TG_INFINITY) {
        if (TG_SIZE(x) > TG_INFINITY || (TG_SIZE(y) == TG_INFINITY && x.bits != y.bits)) {
            x.bits = TG_NAN;
        }
        return x.value;
    }
    if (TG_SIZE(y) == 0u) {
        if (TG_SIZE(x) == 0u) {
            x.bits &= y.bits; /* -0 only of two */
        }
        return x.value;
    }
    uint32_t p;
    uint32_t q;
    const int32_t exponent = unpacked(TG_SIZE(x), &p);
    const int32_t shift = exponent - unpacked(TG_SIZE(y), &q);
    q = shift > 30 ? 1u : shift == 0 ? q : (q >> shift) | (uint32_t)((q << (32 - shift)) != 0u);
    const uint32_t sum = ((x.bits ^ y.bits) >> 31) != 0u ? p - q : p + q;
    return packed(sum == 0u ? 0u : sign, exponent, sum);
}

float __subsf3(float a, float b)
{
    tg_single y;
    y.value = b;
    y.bits ^= 0x80000000u;
    return __addsf3(a, y.value);
}

float __floatunsisf(uint32_t a)
{
    return packed(0, 157, a);
}

float __floatsisf(int32_t a)
{
    return packed(a < 0 ? 0x80000000u : 0u, 157, a < 0 ? 0u - (uint32_t)a : (uint32_t)a);
}

uint32_t __fixunssfsi(float a)
{
    tg_single x;
    x.value = a;
    if ((x.bits >> 31) != 0u || TG_SIZE(x) > TG_INFINITY) {
        return 0;
    }
    const int32_t exponent = (int32_t)(x.bits >> 23) - 150;
    const uint32_t m = (x.bits & 0x7FFFFFu) | 0x800000u;
    if (exponent > 8) {
        return 0xFFFFFFFFu;
    }
    return exponent >= 0 ? m << exponent : exponent > -24 ? m >> -exponent : 0u;
}
