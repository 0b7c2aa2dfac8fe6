/* As tg_epilogue_tflite.h, for sums of 20 bits, which the compiler proves: loops in the instructions of ARMv6-M have an end
 * for them, where x * multiplier / 2^20 has 12 bits more than the upper word that is rounded. */
#ifndef TG_EPILOGUE_TFLITE20_H
#define TG_EPILOGUE_TFLITE20_H

#include "tg_epilogue_tflite.h"

#undef TG_EPILOGUE_NARROW
#define TG_EPILOGUE_NARROW 1
#define TG_EPILOGUE_NARROW_BITS 12
#define TG_EPILOGUE_NARROW_HALF (0) /* of the upper word */

#endif
