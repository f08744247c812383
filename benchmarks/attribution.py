"""Cost of each attribution method, beside Captum called naively in the same run: `python -m benchmarks.attribution`.

The unit is one forward and one input-backward pass of the plain congenital model on a picture. Naive is Captum on the
network as it comes: its weights want gradients too, and pictures go through one by one, which is the default of most.
There is no naive call for LRP's composites, which Captum does not have.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from statistics import median

import numpy as np
import torch
from captum.attr import FeatureAblation, IntegratedGradients, LayerGradCam, NoiseTunnel, Occlusion, Saliency

from heartviz.attribution import perturbation
from heartviz.attribution.methods import METHODS, compute_map
from heartviz.attribution.networks import ContrastLogit, PictureClassifier, borrow
from heartviz.phantom import draw_chest
from heartviz.preprocess import stretch_contrast, thorax_frame
from heartviz.weights import load_models


def seconds_of(run: Callable[[], object], repeats: int) -> float:
    """Median wall-clock seconds of a call, after one that warms up."""
    times = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return median(times[1:])


def naive_calls(
    network: PictureClassifier, gray: torch.Tensor, regions: Mapping[str, np.ndarray]
) -> dict[str, Callable[[], object]]:
    """Method to the same question asked of Captum with its defaults."""
    score = ContrastLogit(network, 1)
    blurred = perturbation.blur(gray)
    patch, stride = perturbation.PATCH_PX, perturbation.PATCH_STRIDE_PX
    numbers = sum(place * torch.from_numpy(mask).long() for place, mask in enumerate(regions.values()))
    return {
        "sensitivity": lambda: Saliency(score).attribute(gray.clone().requires_grad_(True)),
        "smoothgrad": lambda: NoiseTunnel(Saliency(score)).attribute(
            gray, nt_samples=perturbation.SMOOTHGRAD_SAMPLES, nt_samples_batch_size=1, stdevs=0.05, abs=False
        ),
        "integrated_gradients": lambda: IntegratedGradients(score).attribute(
            gray, n_steps=perturbation.INTEGRATION_STEPS, internal_batch_size=1
        ),
        "grad_cam": lambda: LayerGradCam(score, network.classifier.block5).attribute(gray),
        "occlusion_patch": lambda: Occlusion(score).attribute(
            gray, sliding_window_shapes=(1, patch, patch), strides=(1, stride, stride), baselines=blurred
        ),
        "occlusion_region": lambda: FeatureAblation(score).attribute(
            gray, baselines=blurred, feature_mask=numbers[None, None]
        ),
    }


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="timed runs after one that warms up")
    options = parser.parse_args()
    models = load_models()
    pixels, heart_mask, left_mask, right_mask = draw_chest(1)
    frame = thorax_frame(left_mask | right_mask)
    picture = frame.to_model(stretch_contrast(pixels))
    heart, lungs = (frame.to_model(mask.astype(np.float32)) > 0.5 for mask in (heart_mask, left_mask | right_mask))
    regions = {"heart": heart, "lungs": lungs & ~heart, "elsewhere": ~(heart | lungs)}
    network = PictureClassifier(models.trunk, models.classifiers["congenital", "plain"].network)
    gray = torch.from_numpy(picture)[None, None]

    def forward_and_backward() -> None:
        leaf = gray.clone().requires_grad_(True)
        with borrow(network):
            torch.autograd.grad(network(leaf)[0, 1], leaf)

    unit = seconds_of(forward_and_backward, options.repeats)
    network.requires_grad_(True)
    calls = naive_calls(network, gray, regions)
    print(f"{picture.shape[1]} x {picture.shape[0]} px, {torch.get_num_threads()} threads, width {perturbation.WIDTH}")
    print(f"one forward and input-backward pass {unit:.3f} s")
    print(f"{'method':<32}{'seconds':>9}{'passes':>9}{'naive':>9}{'naive / ours':>14}")
    for method in METHODS:
        own = seconds_of(lambda method=method: compute_map(method, network, picture, 1, regions), options.repeats)
        naive = seconds_of(calls[method], options.repeats) if method in calls else None
        end = f"{naive:>9.2f}{naive / own:>14.2f}" if naive else f"{'-':>9}{'-':>14}"
        print(f"{method:<32}{own:>9.2f}{own / unit:>9.2f}{end}")


if __name__ == "__main__":
    main()
