"""Equal budgets: no variant may win because it was trained for longer.

In: the parameters of baseline and variant. Out: the overrides that give the variant the baseline's budget, in tokens or
FLOPs (PaLM's definition: lab.model.config.ModelConfig.flops_per_token).
"""

from typing import Literal

from lab.errors import ParameterError
from lab.params import TokenizerParams
from lab.params_yaml import Params
from lab.train.batches import BatchGrowth

PUBLIC_VOCABULARIES = {"gpt2": 50257, "cl100k_base": 100277, "o200k_base": 200019}


def equal_budget(kind: Literal["tokens", "flops"], variant: Params, baseline: Params) -> dict[str, str]:
    """The override of `train.budget`, if one is needed. ParameterError for a budget in seconds or a variant's own."""
    tokens, variant_tokens = budget_tokens(baseline), budget_tokens(variant)
    # A smaller difference comes from rounding to whole steps.
    if abs(variant_tokens - tokens) >= max(variant.train.batch_tokens, baseline.train.batch_tokens):
        flops = ", or compare by `budget: flops`, which sets each variant's tokens" if kind == "tokens" else ""
        raise ParameterError(
            f"train.budget: a variant has {variant_tokens:,} tokens where the baseline has {tokens:,}; set it for all "
            f"variants (`shared`){flops}."
        )
    if kind == "tokens":
        return {}
    equal = round(tokens * flops_per_token(baseline) / flops_per_token(variant))
    return {} if equal == tokens else {"train.budget": f"{equal} tokens"}


def budget_tokens(params: Params) -> int:
    """Tokens of `train.budget`, in whole steps, as a run will see them. ParameterError if it is given in seconds."""
    amount, unit = params.train.budget.split()
    if unit != "tokens":
        raise ParameterError(
            f"train.budget: '{params.train.budget}' is not the same work twice; an ablation needs it in tokens."
        )
    batch, growth = params.train.batch_tokens, BatchGrowth.from_params(params.train)
    return growth.before(growth.steps_for(int(float(amount)), batch), batch)


def flops_per_token(params: Params) -> int:
    """FLOPs to train on one token, for the parameters' model and vocabulary."""
    from lab.model.config import ModelConfig

    size = vocabulary(params.tokenizer, otherwise="; compare by `budget: tokens`.")
    return ModelConfig.from_params(params.model, size).flops_per_token()


def vocabulary(params: TokenizerParams, *, otherwise: str) -> int:
    """A vocabulary's size before its tokenizer exists. ParameterError, ending in `otherwise`, if only a file says."""
    if params.kind == "train":
        return params.vocabulary
    if params.kind not in PUBLIC_VOCABULARIES:
        raise ParameterError(
            f"tokenizer.kind: the vocabulary of '{params.kind}' is not known before it is read{otherwise}"
        )
    return PUBLIC_VOCABULARIES[params.kind]
