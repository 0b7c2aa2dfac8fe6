/* MFCC in integers; mfcc.py is the definition, and says where each step is from. */
#include "mfcc.h"

#include "mfcc_tables.h"

static int32_t real[MFCC_POINTS];
static int32_t imaginary[MFCC_POINTS];

/* Divided by a power of two and rounded down, which C leaves to the compiler for negative numbers. */
static int64_t down(int64_t value, uint32_t bits)
{
    return value >= 0 ? (int64_t)((uint64_t)value >> bits) : -1 - (int64_t)((uint64_t)(-1 - value) >> bits);
}

static void transform(void)
{
    for (uint32_t i = 0, j = 0; i < MFCC_POINTS; i++) {
        if (i < j) {
            const int32_t kept = real[i];
            real[i] = real[j];
            real[j] = kept;
        }
        /* The next number with its bits in reverse. */
        uint32_t bit = MFCC_POINTS / 2;
        while (bit != 0u && (j & bit) != 0u) {
            j ^= bit;
            bit >>= 1;
        }
        j |= bit;
    }
    for (uint32_t half = 1; half < MFCC_POINTS; half *= 2) {
        const uint32_t step = MFCC_POINTS / (2 * half);
        for (uint32_t k = 0; k < half; k++) {
            const int64_t cosine = mfcc_cosines[k * step];
            const int64_t sine = mfcc_sines[k * step];
            for (uint32_t i = k; i < MFCC_POINTS; i += 2 * half) {
                const int32_t x = real[i + half];
                const int32_t y = imaginary[i + half];
                const int64_t turned_x = down(x * cosine + y * sine, 15);
                const int64_t turned_y = down(y * cosine - x * sine, 15);
                real[i + half] = (int32_t)down(real[i] - turned_x, 1);
                imaginary[i + half] = (int32_t)down(imaginary[i] - turned_y, 1);
                real[i] = (int32_t)down(real[i] + turned_x, 1);
                imaginary[i] = (int32_t)down(imaginary[i] + turned_y, 1);
            }
        }
    }
}

/* The logarithm to base 2 of a positive number. */
static int32_t logarithm(uint64_t value)
{
    int32_t exponent = 0;
    while ((value >> exponent) > 1u) {
        exponent++;
    }
    const uint64_t mantissa =
        exponent >= MFCC_LOG_BITS ? value >> (exponent - MFCC_LOG_BITS) : value << (MFCC_LOG_BITS - exponent);
    return exponent * (1 << MFCC_LOG_Q) + mfcc_logarithms[mantissa - (1u << MFCC_LOG_BITS)];
}

void mfcc_frame(const int16_t *samples, int32_t *coefficients)
{
    int64_t sums[MFCC_COEFFICIENTS] = {0};
    for (uint32_t i = 0; i < MFCC_POINTS; i++) {
        real[i] = i < MFCC_FRAME ? (int32_t)down((int64_t)samples[i] * mfcc_window[i], 1) : 0;
        imaginary[i] = 0;
    }
    transform();
    uint32_t weight = 0;
    for (uint32_t band = 0; band < MFCC_BANDS; band++) {
        uint64_t energy = 1;
        for (uint32_t bin = mfcc_first_bin[band]; weight < mfcc_band_end[band]; bin++, weight++) {
            const int64_t x = real[bin];
            const int64_t y = imaginary[bin];
            energy += ((uint64_t)(x * x + y * y) >> 15) * (uint64_t)mfcc_band_weights[weight];
        }
        const int64_t level = logarithm(energy) - MFCC_LEVEL;
        for (uint32_t i = 0; i < MFCC_COEFFICIENTS; i++) {
            sums[i] += level * mfcc_dct[i * MFCC_BANDS + band];
        }
    }
    for (uint32_t i = 0; i < MFCC_COEFFICIENTS; i++) {
        coefficients[i] = (int32_t)down(sums[i], MFCC_SHIFT);
    }
}
