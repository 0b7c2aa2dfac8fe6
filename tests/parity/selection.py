"""Kernels with code for some cores, which other cores must run too."""

from __future__ import annotations

import re

from tinyglow.bundle.kernel_source import kernel_source
from tinyglow.registry import KERNELS, WITH_EPILOGUES
from tinyglow.targets.cores import MVE

# Loops of ARMv6-M instructions, in a kernel's own file or in a header that it includes.
LOOPS = re.compile(r'TG_ARMV6M_LOOPS|#include "tg_(max_2x2|code|dual_mac|packed)\.h"')
WITH_LOOPS = sorted(symbol for symbol, kernel in KERNELS.items() if LOOPS.search(kernel_source(kernel)))
EPILOGUES_WITH_LOOPS = sorted(name for name in WITH_EPILOGUES if re.search("_dual_mac_|_(3x3|plane)_ch", name))
# For the vectors of a core that no board here has.
WITH_MVE = sorted(symbol for symbol, kernel in {**KERNELS, **WITH_EPILOGUES}.items() if kernel.needs & MVE)
WITH_DSP = sorted(symbol for symbol, kernel in KERNELS.items() if "_dsp_" in kernel.c_file)
# Ends in DSP instructions, which differ between cores that issue one and two at a time.
EPILOGUES_WITH_DSP = sorted(name for name in WITH_EPILOGUES if re.search("_dsp_(tfl|onnxi)", name))
# Which the smallest core is never given.
FOR_OTHER_CORES = {symbol for symbol in {**KERNELS, **WITH_EPILOGUES} if "_dsp_" in symbol or "_mve_" in symbol}
