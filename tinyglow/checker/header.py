"""A bundle's own header: sizes of memories, and places and sizes of what an application reads or writes."""

from __future__ import annotations

import re

from tinyglow.checker.findings import BrokenError
from tinyglow.checker.grammar import MEMORIES, Lines

_FLOAT = r"-?\d{1,10}(?:\.\d{1,20})?(?:e[+-]\d{1,3})?f"
# Lines that are the same in every bundle.
_FIXED = (
    "#ifndef _GLOW_BUNDLE_COMMON_DEFS", "#define _GLOW_BUNDLE_COMMON_DEFS", "#define GLOW_SUCCESS 0",
    "#define GLOW_MEM_ALIGN(size)  __attribute__((aligned(size)))",
    "#define GLOW_GET_ADDR(mutableBaseAddr, placeholderOff)  (((uint8_t*)(mutableBaseAddr)) + placeholderOff)",
    "#endif", "#ifdef __cplusplus", 'extern "C" {', "}", "#include <stdint.h>",
    "#ifndef _GLOW_BUNDLE_DYNAMIC_DEFS", "#define _GLOW_BUNDLE_DYNAMIC_DEFS",
    "typedef struct SymbolTableEntry {", "  const char *name;", "  uint64_t offset;", "  uint64_t size;",
    "  char kind;",
    "} SymbolTableEntry;", "typedef struct BundleConfig {", "  uint64_t constantWeightVarsMemSize;",
    "  uint64_t mutableWeightVarsMemSize;", "  uint64_t activationsMemSize;", "  uint64_t alignment;",
    "  uint64_t numSymbols;", "  const SymbolTableEntry *symbolTable;", "} BundleConfig;",
    "#ifndef TINYGLOW_QUANTIZE_DEFINED", "#define TINYGLOW_QUANTIZE_DEFINED",
    "static inline int32_t tinyglow_quantize(float real, float scale, int32_t offset, int32_t low, int32_t high) {",
    "  const float steps = real / scale + (float)offset;", "  if (!(steps > (float)low)) {", "    return low;", "  }",
    "  if (!(steps < (float)high)) {", "    return high;", "  const int32_t whole = (int32_t)steps;",
    "  const float rest = steps - (float)whole;", "  const int32_t odd = whole & 1;",
    "  if (rest > 0.5f || (rest == 0.5f && odd)) {", "    return whole + 1;",
    "  return rest < -0.5f || (rest == -0.5f && odd) ? whole - 1 : whole;",
    "static inline float tinyglow_dequantize(int32_t integer, float scale, int32_t offset) {",
    "  return scale * (float)(integer - offset);",
    "#ifndef GLOW_TCM_ADDR_DECLARED", "#define GLOW_TCM_ADDR_DECLARED", "extern uint8_t *glow_tcm_addr;",
)  # fmt: skip


def _patterns(net: str) -> str:
    big = net.upper()
    return "|".join(
        (
            *map(re.escape, _FIXED),
            rf"#(?:ifndef|define) _GLOW_BUNDLE_{big}_H",
            rf"#define {big}_\w+ +\d{{1,10}}",
            rf"#define {big}_\w+_TYPE  \w+",
            rf"#define {big}_\w+_(?:COUNT|BYTES|RANK)  \d{{1,10}}u",
            rf"#define {big}_\w+_SHAPE  \{{ [\d, ]+ \}}",
            rf"#define {big}_\w+_SCALE  {_FLOAT}",
            rf"#define {big}_\w+_OFFSET  \(-?\d+\)",
            rf"#define {big}_\w+_QUANTIZE\(real\)  \(\(\w+\)tinyglow_quantize\(\(real\), [-\w.+, ]+\)\)",
            rf"#define {big}_\w+_DEQUANTIZE\(integer\)  tinyglow_dequantize\(\(integer\), [-\w.+, ]+\)",
            rf"#define {big}_CONSTANT_MEM_TYPE  (?:const )?uint8_t",
            rf"#define {big}_NEAR_[12]_MEMORY  \S+",
            rf"extern {big}_CONSTANT_MEM_TYPE {net}_weights\[\];",
            rf"extern BundleConfig {net}_config;",
            rf"void {net}_reset\(uint8_t \*mutableWeight\);",
            rf"int {net}_push_rows\({MEMORIES}, const uint8_t \*rows, uint32_t push\);",
        )
    )


def check_header(net: str, text: str) -> dict[str, str]:
    """Read the header, of which every line must be one that the compiler writes.

    Args:
        net: The network's name.
        text: The header without comments.

    Returns:
        What each macro of the network stands for.

    Raises:
        BrokenError: There is another line, or a macro is defined twice.
    """
    lines, pattern = Lines(f"{net}.h", text), _patterns(net)
    lines.many(pattern)
    lines.need(rf"int {net}\({MEMORIES}\);")
    lines.many(pattern)
    lines.end()
    macros: dict[str, str] = {}
    for name, value in re.findall(r"^#define (\w+)(?:\(\w+(?:, \w+)?\))? *(.*)$", text, re.MULTILINE):
        if name in macros:
            raise BrokenError(f"{net}.h", f"defines {name[:60]} twice", "once")
        macros[name] = value.strip()
    return macros
