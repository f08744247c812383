"""How tissues attenuate X-rays: linear coefficients from compositions, and a filtered tube's spectrum."""

from functools import cache
from types import MappingProxyType

import numpy as np
import xraydb
from numpy.typing import NDArray

from heartviz.phantom.shapes import Field

# Density in g/cm^3 and per cent of weight of each element. Source: ICRU Report 44 (1989), table 4.2, adult tissues;
# lung at 0.20: the 0.26 of quiet breathing after a deep breath and without its vessels, which are drawn apart.
_ELEMENTS = ("H", "C", "N", "O", "Na", "Mg", "P", "S", "Cl", "K", "Ca", "Fe")
TISSUES = MappingProxyType(
    {
        "lung": (0.20, (10.3, 10.5, 3.1, 74.9, 0.2, 0, 0.2, 0.3, 0.3, 0.2, 0, 0)),
        "fat": (0.95, (11.4, 59.8, 0.7, 27.8, 0.1, 0, 0, 0.1, 0.1, 0, 0, 0)),
        "muscle": (1.05, (10.2, 14.3, 3.4, 71.0, 0.1, 0, 0.2, 0.3, 0.1, 0.4, 0, 0)),
        "blood": (1.06, (10.2, 11.0, 3.3, 74.5, 0.1, 0, 0.1, 0.2, 0.3, 0.2, 0, 0.1)),
        "cortical": (1.92, (3.4, 15.5, 4.2, 43.5, 0.1, 0.2, 10.3, 0.3, 0, 0, 22.5, 0)),
        "cancellous": (1.18, (8.5, 40.4, 2.8, 36.7, 0.1, 0.1, 3.4, 0.2, 0.2, 0.1, 7.4, 0.1)),
    }
)
# Photon energies in keV and their share in what a detector takes up of 120 kVp behind 3 mm of aluminium and a patient's
# first centimetres: coarse, ours.
SPECTRUM_KEV = (40.0, 52.0, 60.0, 72.0, 88.0, 106.0)
SPECTRUM_SHARE = (0.10, 0.22, 0.24, 0.20, 0.15, 0.09)


@cache
def linear_attenuation(tissue: str) -> tuple[float, ...]:
    """Linear attenuation of a tissue in 1/mm at each energy of the spectrum. Source: xraydb (Elam tables)."""
    density, parts = TISSUES[tissue]
    kev = np.array(SPECTRUM_KEV) * 1000.0
    per_gram = sum(part / 100 * xraydb.mu_elam(element, kev) for element, part in zip(_ELEMENTS, parts, strict=True))
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
