"""ImageNet weights to start from."""

from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from heartviz.errors import DataError


def read_imagenet_features(path: Path | None) -> dict[str, Tensor]:
    """VGG16's thirteen convolutions in `vgg16().features` names, float32.

    From `path` (safetensors), or with None from torchvision's `VGG16_Weights.IMAGENET1K_FEATURES`, which downloads.
    Source: Simonyan and Zisserman 2015, CC BY 4.0.
    """
    if path is not None:
        if not path.exists():
            raise DataError(f"No file {path}. Leave --imagenet out to download torchvision's weights.")
        features = load_file(path)
    else:
        from torchvision.models import VGG16_Weights

        state = VGG16_Weights.IMAGENET1K_FEATURES.get_state_dict(check_hash=True)
        features = {name.removeprefix("features."): value for name, value in state.items() if "features." in name}
    return {name: value.float() for name, value in features.items()}
