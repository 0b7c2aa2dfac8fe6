/* An application as AN13331 describes it: an int8 network with float inputs and outputs on a large core. */
#include <stdint.h>
#include <string.h>

#include "cifar.h"
#include "fsl_debug_console.h"

GLOW_MEM_ALIGN(CIFAR_MEM_ALIGN)
uint8_t constantWeight[CIFAR_CONSTANT_MEM_SIZE] = {
#include "cifar.weights.txt"
};

GLOW_MEM_ALIGN(CIFAR_MEM_ALIGN)
uint8_t mutableWeight[CIFAR_MUTABLE_MEM_SIZE];

GLOW_MEM_ALIGN(CIFAR_MEM_ALIGN)
uint8_t activations[CIFAR_ACTIVATIONS_MEM_SIZE];

uint8_t imageData[] = {
#include "input_image.inc"
};

#define CLASSES 10

int main(void)
{
    uint8_t *inputAddr = GLOW_GET_ADDR(mutableWeight, CIFAR_input);
    uint8_t *outputAddr = GLOW_GET_ADDR(mutableWeight, CIFAR_output);

    memcpy(inputAddr, imageData, sizeof(imageData));
    cifar(constantWeight, mutableWeight, activations);

    float *out_data = (float *)(void *)outputAddr;
    float max_val = out_data[0];
    int max_idx = 0;
    for (int i = 1; i < CLASSES; i++) {
        if (out_data[i] > max_val) {
            max_val = out_data[i];
            max_idx = i;
        }
    }
    PRINTF("Top1 class = %d\r\n", max_idx);
    return 0;
}
