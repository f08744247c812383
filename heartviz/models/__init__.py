"""Neural networks of heartviz: modules that map tensors to logits, nothing else."""

from heartviz.models.vgg import VGGClassifier, VGGTrunk
from heartviz.models.vgg_unet import VGGUNet

__all__ = ["VGGClassifier", "VGGTrunk", "VGGUNet"]
