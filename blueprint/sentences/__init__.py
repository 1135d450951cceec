"""What the service says to people: each sentence in English where it is said, in Chinese in a gettext catalogue (decision 0040)."""

from blueprint.sentences.sentence import Sentence, Term, Word, sentence_from, spoken

__all__ = ["Sentence", "Term", "Word", "sentence_from", "spoken"]
