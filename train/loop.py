"""One training loop for every model: steps, cosine schedule, averaged weights, checkpoints that resume."""

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from heartviz.errors import DataError

WARMUP_STEPS = 50


def train_epochs(
    model: nn.Module,
    parameter_groups: list[dict],
    batches_of_epoch: Callable[[int], Iterable[tuple]],
    loss_of_batch: Callable[[nn.Module, tuple], Tensor],
    epochs: int,
    steps_per_epoch: int,
    run_folder: Path,
    key: str,
    validate: Callable[[nn.Module], dict[str, float]] | None = None,
    ema_decay: float = 0.99,
    quiet: bool = False,
) -> nn.Module:
    """The model with exponentially averaged weights after `epochs`; resumes from `run_folder/checkpoint.pt`.

    Forward and backward passes run in bfloat16 where the processor has it (autocast); weights stay float32. Each
    epoch's loss and `validate` numbers are appended to `run_folder/log.jsonl`, and printed unless `quiet`. Raises
    DataError when the checkpoint was written under another `key`, that is by a run with other films or settings.
    """
    run_folder.mkdir(parents=True, exist_ok=True)
    checkpoint_path = run_folder / "checkpoint.pt"
    optimizer = torch.optim.AdamW(parameter_groups, weight_decay=1e-4)
    total_steps = max(1, epochs * steps_per_epoch)

    def rate(step: int) -> float:
        cosine = 0.5 * (1 + torch.cos(torch.tensor(min(step / total_steps, 1.0) * torch.pi)).item())
        return min(1.0, (step + 1) / WARMUP_STEPS) * (0.02 + 0.98 * cosine)

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(ema_decay))
    first_epoch = 0
    if checkpoint_path.exists():
        saved = torch.load(checkpoint_path, weights_only=True)
        if saved.get("key") != key:
            raise DataError(f"{checkpoint_path} is of a run with other settings: remove it, or give another --out.")
        torch.set_rng_state(saved["random_state"])
        model.load_state_dict(saved["model"])
        averaged.load_state_dict(saved["averaged"])
        optimizer.load_state_dict(saved["optimizer"])
        schedule.load_state_dict(saved["schedule"])
        first_epoch = saved["epoch"] + 1
    for epoch in range(first_epoch, epochs):
        started, losses = time.perf_counter(), []
        model.train()
        for batch in batches_of_epoch(epoch):
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = loss_of_batch(model, batch)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            averaged.update_parameters(model)
            losses.append(loss.item())
        line = {"epoch": epoch, "loss": sum(losses) / len(losses), "seconds": time.perf_counter() - started}
        if validate is not None:
            averaged.eval()
            line |= validate(averaged.module)
        with (run_folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        if not quiet:
            print(json.dumps({name: round(value, 4) for name, value in line.items()}), flush=True)
        state = {
            "model": model.state_dict(),
            "averaged": averaged.state_dict(),
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict(),
            "epoch": epoch,
            "key": key,
            "random_state": torch.get_rng_state(),
        }
        torch.save(state, checkpoint_path.with_suffix(".partial"))
        checkpoint_path.with_suffix(".partial").replace(checkpoint_path)
    averaged.eval()
    return averaged.module
