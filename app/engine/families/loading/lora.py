"""LoRA adapters: files come in, layers beside a transformer's own go out, switched on for the jobs that ask for it."""

from __future__ import annotations

from app.engine.families.loading.folder import Lora
from app.engine.families.models import Pipeline, Transformer


def load_adapter(lora: Lora, transformer: Transformer, formats: Pipeline | None, file: str | None, local: bool) -> None:
    """Read a file of a LoRA into the transformer, in whatever form the pipeline `formats`, or its class, knows.

    It is switched on per job.

    Raises:
        OSError: its files are missing.
        ValueError: it fits no layer of the model, or no adapters are known for such pipelines.
    """
    if formats is None or not hasattr(formats, "lora_state_dict"):
        raise ValueError("models of this family take no LoRA")
    weights = formats.lora_state_dict(
        lora.source, weight_name=file, revision=lora.revision, local_files_only=local, use_safetensors=True
    )
    own = {key: value for key, value in weights.items() if key.startswith("transformer.")}
    if not any("lora_A" in key for key in own):
        raise ValueError(f"the LoRA {lora.name} has no layer of this transformer")
    own = {key: value * lora.scale if "lora_B" in key else value for key, value in own.items()}
    transformer.load_lora_adapter(own, adapter_name=lora.name, prefix="transformer")


class Adapters:
    """The adapters that were loaded into a transformer: one of them is active, or none."""

    def __init__(self, transformer: Transformer) -> None:
        self._transformer = transformer
        self.empty = not getattr(transformer, "peft_config", None)
        self._active: str | None = None

    def activate(self, adapter: str) -> None:
        """Switch to an adapter, or to none: everybody in a batch has the same."""
        if self.empty or adapter == self._active:
            return
        if adapter in self._transformer.peft_config:
            self._transformer.enable_adapters()
            self._transformer.set_adapters([adapter])
        else:  # it has none of that name where an adapter is for the other expert only
            self._transformer.disable_adapters()
        self._active = adapter
