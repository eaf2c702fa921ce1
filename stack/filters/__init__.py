"""Event filters of Lambda's event source mappings, read and evaluated as AWS's own matcher, event-ruler, does."""
