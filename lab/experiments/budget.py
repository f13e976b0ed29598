"""Equal budgets: no variant may win because it was trained for longer.

In: the parameters of baseline and variant. Out: the overrides that give the variant the baseline's budget, in tokens or
FLOPs (PaLM's definition: lab.model.config.ModelConfig.flops_per_token).
"""

from lab.errors import ParameterError
from lab.params import Params, TokenizerParams
from lab.train.batch_growth import BatchGrowth

PUBLIC_VOCABULARIES = {"gpt2": 50257, "cl100k_base": 100277, "o200k_base": 200019}


def equal_budget(kind: str, variant: Params, baseline: Params) -> dict[str, str]:
    """The override of `train.budget`, empty if the budgets are equal. `kind`: tokens or flops.

    ParameterError if a budget is given in seconds, or the variant sets another one.
    """
    tokens = budget_tokens(baseline)
    variant_tokens = budget_tokens(variant)
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
    """Size of a tokenizer's vocabulary, before the tokenizer exists.

    ParameterError if that is known only from its file; the message ends with `otherwise`, what to do instead.
    """
    if params.kind == "train":
        return params.vocabulary
    if params.kind not in PUBLIC_VOCABULARIES:
        raise ParameterError(
            f"tokenizer.kind: the vocabulary of '{params.kind}' is not known before it is read{otherwise}"
        )
    return PUBLIC_VOCABULARIES[params.kind]
