"""Gradio pages and their handlers; what they compute comes in as functions (see engine.py)."""

from heartviz.ui.doors import open_doors
from heartviz.ui.engine import Engine, ModelCard
from heartviz.ui.shell import LAUNCH_OPTIONS, build_demo

__all__ = ["LAUNCH_OPTIONS", "Engine", "ModelCard", "build_demo", "open_doors"]
