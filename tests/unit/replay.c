/* Runs cases from a file: each operand in a piece of the heap of exactly its size, so that AddressSanitizer sees every
 * access outside of it. Usage: replay CASES RESULTS
 *
 * A case, in 32-bit words and bytes: kernel; size of the parameters, parameters; number of operands, and of each: the
 * number of the operand whose memory it uses (its own, or an earlier one), its size, and its bytes if it is its own;
 * SCRATCH in place of the number stands for working memory, whose content means nothing.
 * Results: all operands with memory of their own, as they are after the call, one after the other. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST_OPERANDS 16
#define SCRATCH 0xFFFFFFFFu

void tg_dispatch(uint32_t kernel, const void *params, void *const *operands);

static void fail(const char *what) {
  fprintf(stderr, "replay: %s\n", what);
  exit(3);
}

static uint32_t word(FILE *file) {
  uint32_t value = 0;
  if (fread(&value, sizeof value, 1, file) != 1) {
    fail("the file ends early");
  }
  return value;
}

static void *bytes(FILE *file, size_t size) {
  void *data = malloc(size);
  if (data == NULL && size > 0) {
    fail("out of memory");
  }
  if (size > 0 && fread(data, 1, size, file) != size) {
    fail("the file ends early");
  }
  return data;
}

static void run(uint32_t kernel, FILE *cases, FILE *results) {
  void *operands[MOST_OPERANDS];
  size_t sizes[MOST_OPERANDS];
  uint32_t owners[MOST_OPERANDS];
  void *params = bytes(cases, word(cases));
  const uint32_t count = word(cases);
  if (count > MOST_OPERANDS) {
    fail("too many operands");
  }
  for (uint32_t i = 0; i < count; i++) {
    owners[i] = word(cases);
    sizes[i] = word(cases);
    if (owners[i] == i) {
      operands[i] = bytes(cases, sizes[i]);
    } else if (owners[i] == SCRATCH) {
      operands[i] = malloc(sizes[i]);
    } else {
      operands[i] = operands[owners[i]];
    }
  }
  tg_dispatch(kernel, params, operands);
  for (uint32_t i = 0; i < count; i++) {
    if (owners[i] == i) {
      if (fwrite(operands[i], 1, sizes[i], results) != sizes[i]) {
        fail("cannot write");
      }
    }
    if (owners[i] == i || owners[i] == SCRATCH) {
      free(operands[i]);
    }
  }
  free(params);
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fail("usage: replay CASES RESULTS");
  }
  FILE *cases = fopen(argv[1], "rb");
  FILE *results = fopen(argv[2], "wb");
  if (cases == NULL || results == NULL) {
    fail("cannot open the files");
  }
  uint32_t kernel;
  while (fread(&kernel, sizeof kernel, 1, cases) == 1) {
    run(kernel, cases, results);
  }
  fclose(cases);
  if (fclose(results) != 0) {
    fail("cannot write");
  }
  return 0;
}
