"""The bucket where records that can never be stored wait, with the reason, for someone to look at them."""

from typing import Final

QUARANTINE_PREFIX: Final = "records/"
"""Where the function's own objects lie; Lambda's on-failure objects of the same bucket lie under `aws/lambda/`."""
