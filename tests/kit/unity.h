/* The part of the Unity test framework's interface that our tests use, for machines without it. */
#ifndef UNITY_H
#define UNITY_H

#include <stdio.h>
#include <string.h>

static int unity_failures;
static int unity_failed;

#define UNITY_BEGIN() (unity_failures = 0)
#define UNITY_END() (unity_failures)
#define RUN_TEST(test) (setUp(), unity_failed = 0, test(), tearDown(), unity_failures += unity_failed)
#define UNITY_FAIL(...) return (void)(unity_failed = 1, printf("%d: ", __LINE__), printf(__VA_ARGS__))
#define TEST_ASSERT_EQUAL_INT8_ARRAY(expected, actual, count)                       \
  do {                                                                              \
    for (unsigned unity_i = 0; unity_i < (unsigned)(count); unity_i++) {            \
      if ((expected)[unity_i] != (actual)[unity_i]) {                               \
        UNITY_FAIL("Element %u Expected %d Was %d\n", unity_i, (expected)[unity_i], (actual)[unity_i]); \
      }                                                                             \
    }                                                                               \
  } while (0)
#define TEST_ASSERT_EQUAL_INT16_ARRAY TEST_ASSERT_EQUAL_INT8_ARRAY
#define TEST_ASSERT_EQUAL_UINT8_ARRAY TEST_ASSERT_EQUAL_INT8_ARRAY
#define TEST_ASSERT_EACH_EQUAL_HEX8(expected, actual, count)                        \
  do {                                                                              \
    for (unsigned unity_i = 0; unity_i < (unsigned)(count); unity_i++) {            \
      if (((const unsigned char *)(actual))[unity_i] != (expected)) {               \
        UNITY_FAIL("Element %u changed\n", unity_i);                                \
      }                                                                             \
    }                                                                               \
  } while (0)
#define TEST_ASSERT_EQUAL_MEMORY(expected, actual, size)                            \
  do {                                                                              \
    if (memcmp((expected), (actual), (size)) != 0) {                                \
      UNITY_FAIL("Memory changed\n");                                               \
    }                                                                               \
  } while (0)

#endif
