"""The project's promises as policies, which Pulumi's engine checks in previews and updates (docs/policies.md).

The modules of the policies decide and know nothing of the engine; `__main__.py` serves them to it.
"""
