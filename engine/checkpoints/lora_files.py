"""What the files of a LoRA are called. Loads no torch, reads nothing."""

from __future__ import annotations

LORA_FILE = "pytorch_lora_weights.safetensors"
PEFT_FILES = ("adapter_model.safetensors", "adapter_config.json")  # with the scale that it was trained with
