"""Stack files and `Pulumi.yaml`, read without the Pulumi engine by its rules."""
