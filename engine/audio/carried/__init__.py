"""What a file carries beside its samples, and what of it goes along into a result made from it.

Texts go along as they are; places in samples move with the samples, and what falls outside is left out.
docs/requests.md has the table.
"""
