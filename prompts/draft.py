"""What an owner is asked before their persona file is written, with suggested answers."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from prompts.starter import starter_persona

_SUGGESTIONS = Path(__file__).with_name("suggestions.toml")


@dataclass(frozen=True, kw_only=True)
class PersonaDraft:
    """The answers of an owner; `text` makes a persona file of them."""

    name: str
    #: Some of `LANGUAGES`, the main one first.
    languages: tuple[str, ...]
    tone: str
    greeting: str

    @classmethod
    def suggested(cls, name: str, languages: tuple[str, ...]) -> "PersonaDraft":
        """Return a draft whose tone and greeting are in the first of `languages`."""
        table = tomllib.loads(_SUGGESTIONS.read_text(encoding="utf-8"))
        suggestion = table[languages[0]]
        return cls(
            name=name,
            languages=languages,
            tone=suggestion["tone"],
            greeting=suggestion["greeting"].replace("{name}", name),
        )

    def text(self) -> str:
        """Return the whole persona file; raises `ValueError` for a blank answer."""
        return starter_persona(
            name=self.name, languages=self.languages, tone=self.tone, greeting=self.greeting
        )
