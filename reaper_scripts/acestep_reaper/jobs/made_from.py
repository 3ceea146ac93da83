"""What a take of ours keeps of the job that made it, so that it can be made again. A line of JSON in the take."""

import json
from dataclasses import dataclass
from typing import List, Optional

from .closed import Closed, all_of, known


@dataclass
class MadeFrom(Closed):
    """Empty for takes that are not ours."""

    kind: str = ""  # of the result: jobs.kinds
    track: str = ""  # GUID of the track that was chosen
    start: float = 0.0  # project seconds of the range
    end: float = 0.0
    capture: str = "dry"  # how the track was read
    origin: float = 0.0  # seconds of the original's file at which the take's file begins
    source: Optional[List[float]] = None  # seconds of the original's file that were regenerated

    @classmethod
    def of(cls, job):
        result = job.result
        source = [result.source_start, result.source_end] if result.source else None
        return cls(result.kind, job.track, job.start, job.end, job.capture or "dry", result.origin, source)

    def text(self):
        return json.dumps(all_of(self))

    @classmethod
    def from_text(cls, text):
        try:
            values = json.loads(text or "{}")
        except ValueError:
            values = {}
        return cls(**known(cls, values if isinstance(values, dict) else {}))
