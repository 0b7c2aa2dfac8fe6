/* A second of sound as the network reads it. */
#ifndef MFCC_H
#define MFCC_H

#include <stdint.h>

#define MFCC_RATE 16000
#define MFCC_SAMPLES 16000
#define MFCC_FRAME 640
#define MFCC_STEP 320
#define MFCC_FRAMES 49
#define MFCC_COEFFICIENTS 10
#define MFCC_Q 8 /* bits after the point of a coefficient */

/* The coefficients of one frame of MFCC_FRAME samples. */
void mfcc_frame(const int16_t *samples, int32_t *coefficients);

#endif
