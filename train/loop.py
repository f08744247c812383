"""One training loop for every model: steps, cosine schedule, averaged weights, checkpoints that resume.

It runs under Hugging Face Accelerate: one process as it is, many when a script is started by `accelerate launch` or
`torchrun`. Each process then reads and computes its part of every batch, and the gradients are averaged.
"""

import json
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import cache
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import InitProcessGroupKwargs
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from heartviz.errors import DataError
from train.arithmetic import has_bfloat16

WARMUP_STEPS = 50
# (epoch, shard, shards) to that epoch's batches, of which a process makes every `shards`-th film from `shard` on.
BatchesOfEpoch = Callable[[int, int, int], Iterable[tuple]]


@cache
def get_accelerator() -> Accelerator:
    """This process's place among those that were started together, its device and arithmetic."""
    device_type = "cuda" if torch.cuda.is_available() else "cpu"
    return Accelerator(
        cpu=device_type == "cpu",
        mixed_precision="bf16" if has_bfloat16(device_type) else "no",
        # The others wait while the first process computes features or validates.
        kwargs_handlers=[InitProcessGroupKwargs(timeout=timedelta(hours=12))],
    )


class _LossOfBatch(nn.Module):
    """The model with its loss as one module, which is what may be spread over processes."""

    def __init__(self, model: nn.Module, loss_of_batch: Callable[[nn.Module, tuple], Tensor]) -> None:
        super().__init__()
        self.model, self.loss_of_batch = model, loss_of_batch

    def forward(self, *batch: Tensor) -> Tensor:
        return self.loss_of_batch(self.model, batch)


def train_epochs(
    model: nn.Module,
    parameter_groups: list[dict],
    batches_of_epoch: BatchesOfEpoch,
    loss_of_batch: Callable[[nn.Module, tuple], Tensor],
    epochs: int,
    steps_per_epoch: int,
    run_folder: Path | None,
    key: str,
    validate: Callable[[nn.Module], dict[str, float]] | None = None,
    ema_decay: float = 0.99,
) -> nn.Module:
    """The model with exponentially averaged weights after `epochs`, on the processor, the same in every process.

    Resumes from `run_folder/checkpoint.pt`, which all processes must see; without a folder nothing is written or
    printed. `loss_of_batch` gives the mean over a batch's films. Forward and backward passes run in bfloat16 where the
    device has it; weights stay float32. The first process appends each epoch's loss and `validate` numbers to
    `run_folder/log.jsonl` and prints them. Raises DataError when the checkpoint was written under another `key`, that
    is by a run with other films or settings.
    """
    accelerator = get_accelerator()
    model.to(accelerator.device)
    optimizer = torch.optim.AdamW(parameter_groups, weight_decay=1e-4)
    total_steps = max(1, epochs * steps_per_epoch)

    def rate(step: int) -> float:
        cosine = 0.5 * (1 + torch.cos(torch.tensor(min(step / total_steps, 1.0) * torch.pi)).item())
        return min(1.0, (step + 1) / WARMUP_STEPS) * (0.02 + 0.98 * cosine)

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(ema_decay))
    first_epoch = 0
    if run_folder is not None and (run_folder / "checkpoint.pt").exists():
        saved = torch.load(run_folder / "checkpoint.pt", weights_only=True, map_location=accelerator.device)
        if saved.get("key") != key:
            raise DataError(
                f"{run_folder / 'checkpoint.pt'} is of a run with other settings: remove it, or give another --out."
            )
        torch.set_rng_state(saved["random_state"].cpu())
        model.load_state_dict(saved["model"])
        averaged.load_state_dict(saved["averaged"])
        optimizer.load_state_dict(saved["optimizer"])
        schedule.load_state_dict(saved["schedule"])
        first_epoch = saved["epoch"] + 1
    spread = accelerator.prepare_model(_LossOfBatch(model, loss_of_batch))
    for epoch in range(first_epoch, epochs):
        started, losses = time.perf_counter(), []
        model.train()
        for batch in batches_of_epoch(epoch, accelerator.process_index, accelerator.num_processes):
            optimizer.zero_grad(set_to_none=True)
            loss = spread(*(part.to(accelerator.device) for part in batch))
            accelerator.backward(loss)
            accelerator.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            averaged.update_parameters(model)
            losses.append(loss.detach())
        mean_loss = accelerator.reduce(torch.stack(losses).mean(), "mean").item()
        if run_folder is not None and accelerator.is_main_process:
            line = {"epoch": epoch, "loss": mean_loss, "seconds": time.perf_counter() - started}
            if validate is not None:
                averaged.eval()
                line |= validate(averaged.module)
            state = {
                "model": model.state_dict(),
                "averaged": averaged.state_dict(),
                "optimizer": optimizer.state_dict(),
                "schedule": schedule.state_dict(),
                "epoch": epoch,
                "key": key,
                "random_state": torch.get_rng_state(),
            }
            _write_epoch(run_folder, line, state)
        accelerator.wait_for_everyone()
    return averaged.module.to("cpu").eval()


def _write_epoch(run_folder: Path, line: dict[str, float], state: dict) -> None:
    run_folder.mkdir(parents=True, exist_ok=True)
    with (run_folder / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")
    print(json.dumps({name: round(value, 4) for name, value in line.items()}), flush=True)
    partial = run_folder / "checkpoint.partial"
    torch.save(state, partial)
    partial.replace(run_folder / "checkpoint.pt")
