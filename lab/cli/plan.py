"""`lab plan`: what a training run will cost. In: params.yaml or a recipe, a GPU, its price, an MFU. Out: parameters,
tokens, steps, FLOPs, hours, dollars.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.project import find_project

if TYPE_CHECKING:
    from lab.cli.tables import Table
    from lab.recipes.plan import Cost, Plan


def plan(
    recipe: Annotated[
        str | None, typer.Option(help="A recipe of lab/recipes; without one: params.yaml as it is.")
    ] = None,
    mfu: Annotated[float, typer.Option(min=0.001, max=1, help="Share of the GPU's peak that is reached.")] = 0.4,
    gpu: Annotated[str, typer.Option(help="The GPU: a100, h100, rtx4090, ...")] = "h100",
    price: Annotated[float, typer.Option(min=0, help="Dollars per hour and GPU.")] = 2.5,
    devices: Annotated[int, typer.Option(min=1, help="Number of GPUs.")] = 8,
) -> None:
    """Show what training will cost: parameters, tokens, steps, FLOPs, hours and dollars.

    \b
    Examples:
      lab plan
      lab plan --recipe gpt2-124m --gpu a100 --price 1.75 --mfu 0.5
      lab plan --recipe llama3-8b --devices 512
    """
    from lab import recipes
    from lab.cli.terminal import make_console
    from lab.params import load, read
    from lab.recipes.plan import cost, make_plan, misfit, peak

    path = find_project().root / "params.yaml"
    params = load(path) if recipe is None else recipes.applied(recipe, read(path))
    planned = make_plan(params)
    price_of_run = cost(planned.flops, peak=peak(gpu), mfu=mfu, devices=devices, price=price)
    how = f"{devices} x {gpu} at {100 * mfu:g} % of {peak(gpu) / 1e12:,.0f} TFLOP/s, ${price:g} per hour each"
    table = _table(recipe or "params.yaml", planned, price_of_run, how)
    console = make_console()
    console.print(table.rich({}), soft_wrap=not console.is_terminal)
    if refusal := misfit(params, planned, devices):
        console.print(f"It can't run on {devices} GPU(s) as it is: {refusal}", soft_wrap=True)


def _table(title: str, planned: "Plan", price: "Cost", how: str) -> "Table":
    from lab.cli.tables import Table

    up_to = "up to " if planned.tokens < planned.steps * planned.batch_tokens else ""
    rows = (
        ("parameters", f"{planned.parameters:,}"),
        ("tokens", f"{planned.tokens:,}"),
        ("tokens per parameter", f"{planned.tokens / planned.parameters:,.1f}"),
        ("steps", f"{planned.steps:,} of {up_to}{planned.batch_tokens:,} tokens"),
        ("FLOPs per token", f"{planned.flops_per_token:,}"),
        ("FLOPs", f"{planned.flops:.3g}"),
        ("hours", f"{_figure(price.hours)} ({_figure(price.device_hours)} device hours)"),
        ("dollars", _figure(price.dollars)),
    )
    return Table(f"{title}: {how}", ("", ""), rows, figures=False)


def _figure(number: float) -> str:
    """Three significant digits, without an exponent."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}" if number >= 0.001 else "under 0.001"
