/* Sums of products of int8 with MVE's intrinsics and in plain C, on a Cortex-M55 with semihosting: prints how many differ,
 * and of how many. */
#include <arm_mve.h>
#include <stdint.h>

enum { TG_COUNT = 1000, TG_ROUNDS = 200 };
enum { TG_WRITE0 = 0x04, TG_EXIT = 0x18, TG_APPLICATION_EXIT = 0x20026, TG_RUN_TIME_ERROR = 0x20023 };

static int8_t left[TG_COUNT];
static int8_t right[TG_COUNT];

extern uint32_t tg_stack_top[];
void Reset_Handler(void);
void tg_unexpected(void);

static void semihost(uint32_t operation, uint32_t argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register uint32_t r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

static __attribute__((noinline)) int32_t plain(const int8_t *a, const int8_t *b, int32_t count)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < count; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

static __attribute__((noinline)) int32_t vectors(const int8_t *a, const int8_t *b, int32_t count)
{
    int32_t sum = 0;
    for (; count > 0; count -= 16, a += 16, b += 16) {
        const mve_pred16_t inside = vctp8q((uint32_t)count);
        sum = vmladavaq_p_s8(sum, vldrbq_z_s8(a, inside), vldrbq_z_s8(b, inside), inside);
    }
    return sum;
}

static void print(uint32_t differ, uint32_t of)
{
    char text[] = "differ 00000000 of 00000000\n";
    for (uint32_t i = 0; i < 8; i++) {
        text[14 - i] = "0123456789abcdef"[differ >> 4 * i & 15];
        text[26 - i] = "0123456789abcdef"[of >> 4 * i & 15];
    }
    semihost(TG_WRITE0, (uint32_t)(uintptr_t)text);
}

void tg_unexpected(void)
{
    semihost(TG_EXIT, TG_RUN_TIME_ERROR);
    for (;;) {
    }
}

void Reset_Handler(void)
{
    *(volatile uint32_t *)0xE000ED88u |= (uint32_t)0xF << 20; /* CPACR: the vector unit */
    __asm__ volatile("dsb\n\tisb" ::: "memory");
    uint32_t seed = 1;
    uint32_t differ = 0;
    uint32_t of = 0;
    for (int32_t round = 0; round < TG_ROUNDS; round++) {
        for (int32_t i = 0; i < TG_COUNT; i++) {
            seed = seed * 1664525u + 1013904223u; /* Numerical Recipes, 7.1 */
            left[i] = round == 0 ? INT8_MIN : (int8_t)(seed >> 24);
            right[i] = round == 0 ? INT8_MIN : (int8_t)(seed >> 16);
        }
        for (int32_t count = 0; count < TG_COUNT - 1; count += count < 70 ? 1 : 37) {
            for (int32_t first = 0; first < 2; first++, of++) {
                differ += plain(left + first, right, count) != vectors(left + first, right, count);
            }
        }
    }
    print(differ, of);
    semihost(TG_EXIT, TG_APPLICATION_EXIT);
    for (;;) {
    }
}

__attribute__((section(".vectors"), used)) void *const tg_vectors[16] = {
    tg_stack_top, (void *)Reset_Handler, (void *)tg_unexpected, (void *)tg_unexpected, (void *)tg_unexpected,
    (void *)tg_unexpected, (void *)tg_unexpected,
};
