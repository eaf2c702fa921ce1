"""The producer: `python -m producer` on the command line, `open_producer` in an application."""

TYPE_CHECKING = (
    False  # what `typing` calls so, without an import that Ctrl-C could interrupt before `__main__`
)

if TYPE_CHECKING:
    from producer.application import Producer, open_producer
else:

    def __getattr__(name: str) -> object:
        # Imported on demand: boto3 takes most of a second, and the command line says much before it needs it.
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from producer import application

        return getattr(application, name)


__all__ = ["Producer", "open_producer"]
