"""What a bundle is for: cores and what they have, what kernels cost there, memories, peripherals, boards."""
