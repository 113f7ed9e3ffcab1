"""JSON, in the short form and set up once: every call passes through here."""

import json

loads = json.JSONDecoder().decode

# NaN is no JSON, and the host would refuse it: here the error names the value.
dumps = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
