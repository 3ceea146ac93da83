"""The instruments that a model can be asked for one by one, as it was trained on them. No REAPER."""

TRAINED = "ace-step-1.5-base"  # asked for where the settings name no model
NAMES = ("woodwinds", "brass", "fx", "synth", "strings", "percussion", "keyboard", "guitar", "bass", "drums",
         "backing_vocals", "vocals")  # fmt: skip


def named(text):
    """The instrument that a text means, by its beginning where only one begins so; None where there is none."""
    word = "_".join(text.strip().lower().replace("-", " ").split())
    if word in NAMES:
        return word
    near = [name for name in NAMES if word and name.startswith(word)]
    return near[0] if len(near) == 1 else None
