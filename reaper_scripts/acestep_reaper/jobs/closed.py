"""A dataclass whose names are all there are, and JSON objects of it. Knows no job."""

from dataclasses import MISSING, fields


class Closed(object):
    """Base of dataclasses: only listed fields can be set."""

    def __setattr__(self, name, value):
        if name not in self.__dataclass_fields__:
            raise AttributeError("%s has no field '%s'" % (type(self).__name__, name))
        object.__setattr__(self, name, value)


def default_of(field):
    """A field's default, a new one for each object; MISSING where it has none."""
    return field.default if field.default_factory is MISSING else field.default_factory()


def values_of(thing):
    """{name: value} of the fields that differ from their defaults: enough between scripts of one version."""
    pairs = [(field, getattr(thing, field.name)) for field in fields(thing)]
    return dict((field.name, value) for field, value in pairs if value != default_of(field))


def all_of(thing):
    """{name: value} of all fields but those that are None or False: what is kept for other versions to read."""
    pairs = [(field.name, getattr(thing, field.name)) for field in fields(thing)]
    return dict((name, value) for name, value in pairs if value is not None and value is not False)


def known(kind, values):
    """Of a JSON object, what `kind` has fields for: another version's scripts may have sent more."""
    names = [field.name for field in fields(kind)]
    return dict((name, values[name]) for name in names if name in values)
