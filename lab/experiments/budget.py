"""Equal budgets: no variant may win because it was trained for longer.

In: the parameters of baseline and variant. Out: the overrides that give the variant the baseline's budget, in tokens or
in FLOPs (lab.model.config.flops_per_token, PaLM's definition).
"""

from lab.errors import ParameterError
from lab.params import Params, TokenizerParams
from lab.train.batches import BatchGrowth

PUBLIC_VOCABULARIES = {"gpt2": 50257, "cl100k_base": 100277, "o200k_base": 200019}


def equal_budget(kind: str, variant: Params, baseline: Params) -> dict[str, str]:
    """Overrides of `train.budget`, none where it is equal as it stands. `kind`: tokens or flops.

    ParameterError where the budget is given in seconds, or the variant has another one of its own.
    """
    tokens = budget_tokens(baseline)
    own = budget_tokens(variant)
    if abs(own - tokens) >= max(variant.train.batch_tokens, baseline.train.batch_tokens):  # less: whole steps of both
        flops = ", or compare by `budget: flops`, which sets each variant's tokens" if kind == "tokens" else ""
        raise ParameterError(
            f"train.budget: a variant has {own:,} tokens where the baseline has {tokens:,}; set it for all "
            f"variants (`shared`){flops}."
        )
    if kind == "tokens":
        return {}
    equal = round(tokens * flops_per_token(baseline) / flops_per_token(variant))
    return {} if equal == tokens else {"train.budget": f"{equal} tokens"}


def budget_tokens(params: Params) -> int:
    """`train.budget` in tokens, whole steps: what a run will see. ParameterError where it is given in seconds."""
    amount, unit = params.train.budget.split()
    if unit != "tokens":
        raise ParameterError(
            f"train.budget: '{params.train.budget}' is not the same work twice; an ablation needs it in tokens."
        )
    batch, growth = params.train.batch_tokens, BatchGrowth.from_params(params.train)
    return growth.before(growth.steps_for(int(float(amount)), batch), batch)


def flops_per_token(params: Params) -> int:
    """FLOPs to train on one token, of the model and vocabulary that the parameters name."""
    from lab.model.config import ModelConfig

    size = vocabulary(params.tokenizer, otherwise="; compare by `budget: tokens`.")
    return ModelConfig.from_params(params.model, size).flops_per_token()


def vocabulary(params: TokenizerParams, *, otherwise: str) -> int:
    """Tokens of a tokenizer that may not be there yet.

    ParameterError where only its file knows; its text ends in `otherwise`, what to do instead.
    """
    if params.kind == "train":
        return params.vocabulary
    if params.kind not in PUBLIC_VOCABULARIES:
        raise ParameterError(
            f"tokenizer.kind: the vocabulary of '{params.kind}' is not known before it is read{otherwise}"
        )
    return PUBLIC_VOCABULARIES[params.kind]
