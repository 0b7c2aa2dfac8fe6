/* An application as AN13438 describes it: int8 network on a small core, weights in flash. */
#include <stdint.h>
#include <string.h>

#include "fsl_debug_console.h"
#include "mnist_nxp.h"

/* The weights stay in flash: const. */
GLOW_MEM_ALIGN(MNIST_NXP_MEM_ALIGN)
static const uint8_t constantWeight[MNIST_NXP_CONSTANT_MEM_SIZE] = {
#include "mnist_nxp.weights.txt"
};

/* Inputs and outputs. */
GLOW_MEM_ALIGN(MNIST_NXP_MEM_ALIGN)
static uint8_t mutableWeight[MNIST_NXP_MUTABLE_MEM_SIZE];

/* Everything between them. */
GLOW_MEM_ALIGN(MNIST_NXP_MEM_ALIGN)
static uint8_t activations[MNIST_NXP_ACTIVATIONS_MEM_SIZE];

/* A digit, as process-image wrote it. */
static const uint8_t imageData[28 * 28] = {
#include "test_image.inc"
};

int main(void)
{
    uint8_t *inputAddr = GLOW_GET_ADDR(mutableWeight, MNIST_NXP_max_pooling_1_input);
    const int8_t *out_data = (const int8_t *)GLOW_GET_ADDR(mutableWeight, MNIST_NXP_dense_2);
    int max_idx = 0;

    memcpy(inputAddr, imageData, sizeof(imageData));
    if (mnist_nxp((uint8_t *)(uintptr_t)constantWeight, mutableWeight, activations) != GLOW_SUCCESS) {
        PRINTF("Inference failed\r\n");
        return 1;
    }
    for (int i = 1; i < 10; i++) {
        if (out_data[i] > out_data[max_idx]) {
            max_idx = i;
        }
    }
    PRINTF("Top1 class = %d\r\n", max_idx);
    return 0;
}
