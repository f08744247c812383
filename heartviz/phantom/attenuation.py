"""How tissues attenuate X-rays: linear coefficients from compositions, and a filtered tube's spectrum."""

from functools import cache
from types import MappingProxyType

import numpy as np
import xraydb
from numpy.typing import NDArray

from heartviz.phantom.shapes import Field

# Density in g/cm^3 and elements by weight. Source: ICRU Report 44 (1989), table 4.2, adult tissues; lung at
# 0.20, the 0.26 of quiet breathing less the vessels, drawn apart, and a deep breath.
TISSUES = MappingProxyType(
    {
        "lung": (0.20, {"H": 0.103, "C": 0.105, "N": 0.031, "O": 0.749, "Na": 0.002, "P": 0.002, "S": 0.003, "Cl": 0.003, "K": 0.002}),
        "fat": (0.95, {"H": 0.114, "C": 0.598, "N": 0.007, "O": 0.278, "Na": 0.001, "S": 0.001, "Cl": 0.001}),
        "muscle": (1.05, {"H": 0.102, "C": 0.143, "N": 0.034, "O": 0.710, "Na": 0.001, "P": 0.002, "S": 0.003, "Cl": 0.001, "K": 0.004}),
        "blood": (1.06, {"H": 0.102, "C": 0.110, "N": 0.033, "O": 0.745, "Na": 0.001, "P": 0.001, "S": 0.002, "Cl": 0.003, "K": 0.002, "Fe": 0.001}),
        "cortical": (1.92, {"H": 0.034, "C": 0.155, "N": 0.042, "O": 0.435, "Na": 0.001, "Mg": 0.002, "P": 0.103, "S": 0.003, "Ca": 0.225}),
        "cancellous": (1.18, {"H": 0.085, "C": 0.404, "N": 0.028, "O": 0.367, "Na": 0.001, "Mg": 0.001, "P": 0.034, "S": 0.002, "Cl": 0.002, "K": 0.001, "Ca": 0.074, "Fe": 0.001}),
    }
)  # fmt: skip
# Photon energies in keV and their share in what a detector takes up of 120 kVp behind 3 mm of aluminium and a patient's
# first centimetres: coarse, ours.
SPECTRUM_KEV = (40.0, 52.0, 60.0, 72.0, 88.0, 106.0)
SPECTRUM_SHARE = (0.10, 0.22, 0.24, 0.20, 0.15, 0.09)


@cache
def linear_attenuation(tissue: str) -> tuple[float, ...]:
    """Linear attenuation of a tissue in 1/mm at each energy of the spectrum. Source: xraydb (Elam tables)."""
    density, parts = TISSUES[tissue]
    kev = np.array(SPECTRUM_KEV) * 1000.0
    per_gram = sum(share * xraydb.mu_elam(element, kev) for element, share in parts.items())
    return tuple(float(v) for v in density * per_gram / 10.0)


def transmit(paths_mm: dict[str, Field]) -> Field:
    """Share of the open beam's signal that reaches each pixel unscattered, by path lengths (H, W) through tissues."""
    tissues = sorted(paths_mm)
    coefficients = np.array([linear_attenuation(t) for t in tissues], np.float32)
    stacked = np.stack([paths_mm[t] for t in tissues])
    passed: NDArray = np.zeros(stacked.shape[1:], np.float32)
    for energy, share in enumerate(SPECTRUM_SHARE):
        passed += np.float32(share) * np.exp(-np.tensordot(coefficients[:, energy], stacked, axes=1))
    return passed
