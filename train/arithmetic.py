"""Which arithmetic training computes in: bfloat16 on processors that have it, float32 on others."""

import os
from functools import cache

import torch

BFLOAT16_INSTRUCTIONS = ("amx_bf16", "avx512_bf16", "bf16")


@cache
def has_bfloat16(device_type: str = "cpu") -> bool:
    """Whether the device multiplies bfloat16 itself: where it is imitated, float32 is ten times as fast.

    HEARTVIZ_ARITHMETIC=float32 in the environment says no for every device.
    """
    if os.environ.get("HEARTVIZ_ARITHMETIC") == "float32":
        return False
    if device_type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()
    return device_type == "cpu" and any(capabilities.get(name) for name in BFLOAT16_INSTRUCTIONS)


def mixed_precision(device_type: str = "cpu") -> torch.autocast:
    """A context in which convolutions run in bfloat16 where the device has it; a block without it stays float32."""
    return torch.autocast(device_type, dtype=torch.bfloat16, enabled=has_bfloat16(device_type))
