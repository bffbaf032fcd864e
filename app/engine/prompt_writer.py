"""Any transformers text-generation model as a writer: an instruction and a prompt come in, its words go out."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from app.errors import ServiceUnavailable

MOST_WAITING: Final = 8  # beyond this many, who asks is told at once that it cannot be done
TRY_AGAIN_S: Final = 60.0  # a model that could not be loaded is not looked for again sooner
_CONTEXT: Final = 2048  # tokens that a model is taken to read when it does not say

log = logging.getLogger(__name__)


class TransformersWriter:
    """One model on the CPU, loaded when first asked, run by one thread. Greedy, so that the same gets the same.

    `model` is a folder or a name; with `local` nothing is ever downloaded. Weights are read from safetensors alone and
    code that comes with a model is never run. `tokens` bounds an answer, `timeout_s` the seconds that it may take.
    torch and transformers are imported by the thread, so that a process that never enhances does not pay for them.
    """

    def __init__(
        self, model: str, tokens: int = 160, timeout_s: float = 4.0, local: bool = True, threads: int = 1
    ) -> None:
        self._name = model
        self._tokens = tokens
        self._timeout_s = timeout_s
        self._local = local
        self._threads = threads
        self._thread = ThreadPoolExecutor(1, "writer")
        self._loaded: tuple[Any, Any] | None = None  # tokenizer, model
        self._missing_until = float("-inf")
        self._waiting = 0

    async def write(self, instruction: str, prompt: str) -> str:
        """What the model says to it, special tokens left out.

        Raises:
            ServiceUnavailable: it cannot be loaded, failed, has too much to do, or would have to read too much.
        """
        if self._waiting >= MOST_WAITING:
            raise ServiceUnavailable("it has too much to do")
        until = time.monotonic() + self._timeout_s
        call = asyncio.get_running_loop().run_in_executor(self._thread, self._write, instruction, prompt, until)
        self._waiting += 1
        call.add_done_callback(self._done)
        return await asyncio.shield(call)  # who gives up does not free the thread

    def close(self) -> None:
        """End the thread after what it is doing."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _done(self, call: asyncio.Future[str]) -> None:
        self._waiting -= 1
        if not call.cancelled():
            call.exception()  # nobody may be left to hear of it

    def _write(self, instruction: str, prompt: str, until: float) -> str:
        tokenizer, model = self._ready()
        try:
            if time.monotonic() < until:
                said = self._generate(tokenizer, model, instruction, prompt, until - time.monotonic())
                if time.monotonic() < until:  # else it was cut short, and another time would say more
                    return said
        except ServiceUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - any model's own code, template and tokenizer; rules step in
            log.warning("The enhancer model failed: %s: %s", type(error).__name__, error)
            raise ServiceUnavailable("it failed") from None
        raise ServiceUnavailable("it was not ready in time")

    def _ready(self) -> tuple[Any, Any]:
        if self._loaded is None:
            if time.monotonic() < self._missing_until:
                raise ServiceUnavailable("it cannot be loaded")
            try:
                self._loaded = self._load()
            except Exception as error:  # noqa: BLE001 - a folder may hold anything; rules step in
                log.warning("No enhancer model %s: %s: %s", self._name, type(error).__name__, error)
                self._missing_until = time.monotonic() + TRY_AGAIN_S
                raise ServiceUnavailable("it cannot be loaded") from None
        return self._loaded

    def _load(self) -> tuple[Any, Any]:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        torch.set_num_threads(self._threads)  # of this thread: OpenMP keeps the number per thread
        options = {"local_files_only": self._local, "trust_remote_code": False}
        tokenizer = AutoTokenizer.from_pretrained(self._name, **options)
        model = AutoModelForCausalLM.from_pretrained(self._name, use_safetensors=True, **options)
        return tokenizer, model.eval().requires_grad_(False)

    def _generate(self, tokenizer: Any, model: Any, instruction: str, prompt: str, left_s: float) -> str:
        import torch
        from transformers import GenerationConfig

        told = _encoded(tokenizer, instruction, prompt)
        length = int(told["input_ids"].shape[1])
        if length + self._tokens > _context(tokenizer, model):
            raise ServiceUnavailable("the prompt is longer than it reads")
        ends = model.generation_config.eos_token_id or tokenizer.eos_token_id
        pad = tokenizer.pad_token_id
        rules = GenerationConfig(
            max_new_tokens=self._tokens,
            max_time=left_s,
            do_sample=False,
            eos_token_id=ends,
            pad_token_id=pad if pad is not None else (ends[0] if isinstance(ends, list) else ends),
        )
        with torch.inference_mode():
            said = model.generate(**told, generation_config=rules)[0, length:]
        return str(tokenizer.decode(said, skip_special_tokens=True))


def _encoded(tokenizer: Any, instruction: str, prompt: str) -> Any:
    """Tokens and mask, int64 (1, T): a chat where the model has a template for one, else text to go on from."""
    if tokenizer.chat_template:
        # One message, since some templates know no system's; those that can think are told not to.
        chat = [{"role": "user", "content": f"{instruction}\n\n{prompt}"}]
        told = tokenizer.apply_chat_template(
            chat, add_generation_prompt=True, enable_thinking=False, return_tensors="pt", return_dict=True
        )
    else:
        told = tokenizer(f"{instruction}\n\nPrompt: {prompt}\n\nNew prompt:", return_tensors="pt")
    return {name: told[name] for name in ("input_ids", "attention_mask")}


def _context(tokenizer: Any, model: Any) -> int:
    """Tokens that the model reads and writes at most."""
    positions = getattr(model.config, "max_position_embeddings", None) or _CONTEXT
    return min(int(positions), int(min(tokenizer.model_max_length, 10**9)))
