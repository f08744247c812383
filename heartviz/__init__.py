"""heartviz shows whether a chest X-ray model looks at the heart, and measures whether its answer comes from there."""

__version__ = "0.1.0"


def __getattr__(name: str):
    """`load_models` and `analyze`, loaded when first asked for: importing a part of heartviz stays light."""
    if name == "load_models":
        from heartviz.weights import load_models

        return load_models
    if name == "analyze":
        from heartviz.pipeline import analyze

        return analyze
    raise AttributeError(f"module 'heartviz' has no attribute {name!r}")


__all__ = ["__version__", "analyze", "load_models"]
