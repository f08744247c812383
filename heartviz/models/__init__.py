"""Neural networks of heartviz: modules that map tensors to logits, nothing else."""

from heartviz.models.chest import ChestDistance
from heartviz.models.unet import UNet
from heartviz.models.vgg import VGGClassifier, VGGTrunk
from heartviz.models.vgg_unet import ENCODER, VGGUNet
from heartviz.models.view import ViewHead

__all__ = ["ENCODER", "ChestDistance", "UNet", "VGGClassifier", "VGGTrunk", "VGGUNet", "ViewHead"]
