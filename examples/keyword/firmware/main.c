/* Hears keywords: for each sound MFCC, then the network; prints the word, its confidence and the time of both. */
#include <stdint.h>

#include "console.h"
#include "kws.h"
#include "mfcc.h"
#include "sounds.h"
#include "timer.h"

GLOW_MEM_ALIGN(KWS_MEM_ALIGN)
static const uint8_t constantWeight[KWS_CONSTANT_MEM_SIZE] = {
#include "kws.weights.txt"
};

GLOW_MEM_ALIGN(KWS_MEM_ALIGN)
static uint8_t mutableWeight[KWS_MUTABLE_MEM_SIZE];

GLOW_MEM_ALIGN(KWS_MEM_ALIGN)
static uint8_t activations[KWS_ACTIVATIONS_MEM_SIZE];

static void print_milliseconds(uint64_t cycles)
{
    print_thousandths((int32_t)(cycles * 1000u / (CLOCK_HZ / 1000u)));
    print_text(" ms");
}

int main(void)
{
    KWS_features_TYPE *features = (KWS_features_TYPE *)(void *)GLOW_GET_ADDR(mutableWeight, KWS_features);
    const KWS_shares_TYPE *shares = (const KWS_shares_TYPE *)(const void *)GLOW_GET_ADDR(mutableWeight, KWS_shares);
    uint32_t failures = 0;
    start_console();
    start_timer();
    for (uint32_t i = 0; i < SOUNDS; i++) {
        uint32_t difference = 0;
        const uint64_t begin = timer_cycles();
        for (uint32_t frame = 0; frame < MFCC_FRAMES; frame++) {
            int32_t coefficients[MFCC_COEFFICIENTS];
            mfcc_frame(&sounds[i][frame * MFCC_STEP], coefficients);
            for (uint32_t k = 0; k < MFCC_COEFFICIENTS; k++) {
                const float real = (float)coefficients[k] / (float)(1 << MFCC_Q);
                features[frame * MFCC_COEFFICIENTS + k] = KWS_features_QUANTIZE(real);
            }
        }
        const uint64_t heard = timer_cycles();
        const int status = kws((uint8_t *)(uintptr_t)constantWeight, mutableWeight, activations);
        const uint64_t end = timer_cycles();
        uint32_t best = 0;
        for (uint32_t k = 0; k < KWS_shares_COUNT; k++) {
            best = shares[k] > shares[best] ? k : best;
            difference += shares[k] != expected[i][k];
        }
        print_text(sound_names[i]);
        print_text(": ");
        print_text(words[best]);
        print_text(" (confidence ");
        print_thousandths((int32_t)(100000.0f * KWS_shares_DEQUANTIZE(shares[best]) + 0.5f));
        print_text(" %, MFCC ");
        print_milliseconds(heard - begin);
        print_text(", inference ");
        print_milliseconds(end - heard);
        print_text(")");
        if (status != GLOW_SUCCESS || difference != 0u) {
            failures++;
            print_text(", NOT AS IN PYTHON");
        }
        print_text("\n");
    }
    print_text(failures == 0u ? "all answers as in Python\n" : "ERROR: answers differ from those of Python\n");
    stop(failures == 0u ? 0 : 1);
}
