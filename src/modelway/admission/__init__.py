"""Checks of a model before its image is pushed: what it says of itself, then what it really does on its samples."""

from modelway.admission.findings import Finding
from modelway.admission.trial import AdmissionResult, TimeLimits, admit
from modelway.admission.validation import validate_model

__all__ = ["AdmissionResult", "Finding", "TimeLimits", "admit", "validate_model"]
